#include "ops/ref/dot.h"

namespace hadal::ref {

float dot(const float* a, const float* b, int n) {
  float lanes[kDotLanes] = {};
  const int whole = n / kDotLanes * kDotLanes;
  for (int i = 0; i < whole; i += kDotLanes) {
    for (int lane = 0; lane < kDotLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  for (int i = whole; i < n; ++i) lanes[i - whole] += a[i] * b[i];
  for (int half = kDotLanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

}  // namespace hadal::ref
