// Inputs of measured kernels: reproducible values of about unit size.
#pragma once

#include "base/aligned_buffer.h"

namespace hadal {

// `count` floats of either sign and of 0.5 to 1; returns them.
float* fill_floats(AlignedBuffer<float>& buffer, size_t count);

}  // namespace hadal
