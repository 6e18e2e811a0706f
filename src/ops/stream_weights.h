// The weights that hyper-connections give to streams, from the projections of one row: the part of
// the operation that is too small for vectors and the same on every machine.
#pragma once

#include "ops/hyper_connection.h"

namespace hadal {

// mixes [(2 + streams) · streams] to pre [streams], post [streams], mixing [streams, streams].
void stream_weights(const HyperPreArgs& args, const float* mixes, float* pre, float* post,
                    float* mixing);

// mixes [streams] to pre [streams]; they may be the same.
void head_stream_weights(const HyperHeadArgs& args, const float* mixes, float* pre);

}  // namespace hadal
