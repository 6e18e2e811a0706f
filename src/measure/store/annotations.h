// What an annotation may say of a run, and what a run is with its annotations applied.
#pragma once

#include <span>

#include "measure/store/run_store.h"

namespace hadal {

// Throws Error (kInvalidArgument) where the field is unknown or cannot have the value, and where
// nothing is said.
void check_annotation(const RunAnnotation& annotation);

// In the order in which they were made, so that the last one stands.
void apply_annotations(RunRecord& run, std::span<const RunAnnotation> annotations);

}  // namespace hadal
