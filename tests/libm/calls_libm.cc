// What tools/check-libm.sh must see: calls into the mathematical library in every guise in which
// the arithmetic once made them. Linked into nothing.
#include <cmath>

namespace hadal {

// All of them with arguments the compiler cannot know, and none an instruction of x86-64-v2.
double calls_libm(float x, double y) {
  const float narrow = std::exp(x) + std::log1p(x) + std::pow(x, 0.3F) + std::fma(x, x, 1.0F);
  return static_cast<double>(narrow) + std::log(y) + static_cast<double>(std::sin(x) + std::cos(x));
}

}  // namespace hadal
