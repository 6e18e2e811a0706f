// Which arithmetic this program computes with on this processor, told by what it gives: a digest of
// the logits and the cached keys of a small model with made-up weights. Two programs whose digests
// agree may share cached keys, whatever their sources say; a changed bit gives another digest.
#pragma once

#include <string>

#include "model/v4/v4_model.h"

namespace hadal {

// Sixteen hexadecimal digits. Of the options what decides a bit: instruction set, activations and
// the storage of rotated values. Computed once for each; takes some milliseconds.
std::string known_answer_digest(const ModelOptions& options);

}  // namespace hadal
