// Shapes and positions are ints, as in the configs they come from; memory is indexed by size_t.
#pragma once

#include <cstddef>

namespace hadal {

constexpr size_t as_size(int value) { return static_cast<size_t>(value); }

}  // namespace hadal
