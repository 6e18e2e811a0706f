// The dot product of the reference: sixteen partial sums over i % 16, joined in pairs, so that the
// order is fixed and the compiler may still use vectors.
#pragma once

namespace hadal::ref {

constexpr int kDotLanes = 16;

// Σ a[i] · b[i] over n values, n >= 0.
float dot(const float* a, const float* b, int n);

}  // namespace hadal::ref
