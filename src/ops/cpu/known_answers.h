// The check that fast kernels pass before they are installed: operations run on small inputs and
// are compared with the scalar reference, integer dot products to the bit.
#pragma once

#include <string>

#include "ops/kernel_table.h"

namespace hadal::cpu {

// The name of the first operation that gives a wrong answer, or "" when all are right.
std::string failed_known_answer(const KernelTable& table);

}  // namespace hadal::cpu
