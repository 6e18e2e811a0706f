// How a config.json gives the rotary position embedding: as it is released (rope_theta,
// compress_rope_theta, rope_scaling), or under the names that newer programs write
// (rope_parameters, flat or by kind of layer). The same meaning either way; what contradicts, or
// asks for a rotation that hadal does not compute, is an Error.
#pragma once

#include "checkpoint/v4/config.h"
#include "checkpoint/v4/config_fields.h"

namespace hadal {

struct RopeConfig {
  float theta = 0;           // layers without compression
  float compress_theta = 0;  // layers with compression
  YarnScaling yarn;          // of those
};

// `rope_share`: the part of head_dim that is rotated, which partial_rotary_factor must agree with.
RopeConfig parse_rope(const ConfigFields& fields, double rope_share);

}  // namespace hadal
