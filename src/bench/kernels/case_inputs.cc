#include "bench/kernels/case_inputs.h"

#include "bench/random_bits.h"

namespace hadal {

float* fill_floats(AlignedBuffer<float>& buffer, size_t count) {
  float* values = buffer.at_least(count);
  fill_random_bits(reinterpret_cast<std::byte*>(values), count * sizeof(float),
                   {.seed = count, .keep = 0x807fffff807fffffU, .set = 0x3f0000003f000000U});
  return values;
}

}  // namespace hadal
