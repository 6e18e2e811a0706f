#include "checkpoint/v4/config_rope.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kNewName[] = "rope_parameters";
constexpr char kOldName[] = "rope_scaling";
constexpr char kPositions[] = "original_max_position_embeddings";  // as trained, before scaling

// A value that several fields may give, which must then agree.
class Agreed {
 public:
  void give(double value, const std::string& origin, const ConfigFields& fields) {
    if (value_ && *value_ != value) {
      fields.contradict(text(origin_, *value_), text(origin, value));
    }
    if (!value_) {
      value_ = value;
      origin_ = origin;
    }
  }
  bool given() const { return value_.has_value(); }
  double value_or(double absent) const { return value_.value_or(absent); }

 private:
  static std::string text(const std::string& origin, double value) {
    return origin + " (" + Json(value).dump() + ")";
  }

  std::optional<double> value_;
  std::string origin_;
};

// What all the fields say together.
struct Gathered {
  Agreed theta;
  Agreed compress_theta;
  Agreed factor;  // of compressed layers; 1 where an object says that there is no scaling
  Agreed original_positions;
  Agreed beta_fast;
  Agreed beta_slow;
};

// Which layers an object of RoPE parameters is for.
enum class Layers {
  kAll,         // as rope_scaling: its theta is that of layers without compression
  kPlain,       // without compression: no scaling
  kCompressed,  // with compression
};

std::string rope_type(const ConfigFields& object) {
  const bool has_new = object.has("rope_type");
  const bool has_old = object.has("type");
  if (has_new && has_old && object.at("rope_type") != object.at("type")) {
    object.contradict(object.path("rope_type") + " (" + value_text(object.at("rope_type")) + ")",
                      object.path("type") + " (" + value_text(object.at("type")) + ")");
  }
  if (!has_new && !has_old) {
    if (object.has("factor") && object.number("factor") != 1) {
      object.refuse("factor", object.at("factor"),
                    "nothing says how to scale: rope_type is missing and must be \"yarn\"");
    }
    return "default";
  }
  const char* name = has_new ? "rope_type" : "type";
  const Json& value = object.at(name);
  if (value != "yarn" && value != "default") {
    object.refuse(name, value,
                  "must be \"yarn\", or \"default\" for none (hadal serves nothing else)");
  }
  return value.get<std::string>();
}

// Fields of a RoPE object by which other programs compute something else than the released model
// does, and the values at which they do not.
void check_other_fields(const ConfigFields& object, double rope_share) {
  constexpr std::array kReadOfRope = {"type",      "rope_type", "factor",    "beta_fast",
                                      "beta_slow", kPositions,  "rope_theta"};
  struct Neutral {
    const char* name;
    Json value;
  };
  const std::array kNeutral = {Neutral{"attention_factor", 1},     Neutral{"attn_factor", 1},
                               Neutral{"extrapolation_factor", 1}, Neutral{"mscale", 0},
                               Neutral{"mscale_all_dim", 0},       Neutral{"truncate", true}};
  for (const auto& [name, value] : object.json().items()) {
    if (value.is_null()) continue;
    if (std::find(kReadOfRope.begin(), kReadOfRope.end(), name) != kReadOfRope.end()) continue;
    if (name == "partial_rotary_factor") {
      constexpr double kRounding = 1e-6;
      if (!value.is_number() || std::abs(value.get<double>() - rope_share) > kRounding) {
        object.refuse(name, value,
                      "must be qk_rope_head_dim over head_dim, " + Json(rope_share).dump());
      }
      continue;
    }
    const auto neutral = std::find_if(kNeutral.begin(), kNeutral.end(),
                                      [&](const Neutral& entry) { return name == entry.name; });
    if (neutral != kNeutral.end()) {
      object.only(name, neutral->value);
    } else {
      object.refuse(name, value, "hadal knows no such parameter of RoPE");
    }
  }
}

// One object of RoPE parameters.
void gather(const ConfigFields& object, Layers layers, double rope_share, Gathered& out) {
  check_other_fields(object, rope_share);
  const auto give = [&](const char* name, Agreed& value) {
    if (object.has(name)) value.give(object.number(name), object.path(name), object);
  };
  give("rope_theta", layers == Layers::kCompressed ? out.compress_theta : out.theta);
  const bool is_yarn = rope_type(object) == "yarn";
  if (!is_yarn) {
    if (object.has("factor")) {
      const float factor = object.number("factor");
      if (factor != 1) {
        object.refuse("factor", object.at("factor"),
                      "rope_type is \"default\", which scales nothing");
      }
    }
    if (layers != Layers::kPlain) out.factor.give(1, object.path("rope_type default"), object);
    return;
  }
  if (layers == Layers::kPlain) {
    object.refuse(object.has("rope_type") ? "rope_type" : "type", "yarn",
                  "layers without compression are not scaled");
  }
  out.factor.give(object.number("factor"), object.path("factor"), object);
  out.original_positions.give(object.integer(kPositions), object.path(kPositions), object);
  give("beta_fast", out.beta_fast);
  give("beta_slow", out.beta_slow);
}

// The kind of layers that a key of rope_parameters stands for, where it is nested.
std::optional<Layers> layers_of(std::string_view key) {
  if (key == "main" || key == "sliding_attention") return Layers::kPlain;
  if (key == "compress" || key == "compressed_sparse_attention" ||
      key == "heavily_compressed_attention") {
    return Layers::kCompressed;
  }
  return std::nullopt;
}

// rope_parameters or rope_scaling: one object of parameters, or one for each kind of layers.
void gather_field(const ConfigFields& fields, const std::string& name, double rope_share,
                  Gathered& out) {
  if (!fields.has(name)) return;
  const Json& value = fields.at(name);
  if (!value.is_object()) fields.refuse(name, value, "must be an object or null");
  bool is_nested = false;
  bool is_flat = false;
  for (const auto& [key, entry] : value.items()) {
    const std::optional<Layers> layers = layers_of(key);
    if (!layers) {
      is_flat = is_flat || !entry.is_null();
      continue;
    }
    is_nested = true;
    if (entry.is_null()) continue;
    if (!entry.is_object()) {
      fields.refuse(name + "." + key, entry, "must be an object or null");
    }
    const std::string path = fields.path(name) + "." + key;
    gather(ConfigFields(entry, path, fields.source()), *layers, rope_share, out);
  }
  if (is_nested && is_flat) {
    fields.refuse(name, value,
                  "must hold either parameters or an object for each kind of layers, not both");
  }
  if (is_flat) {
    gather(ConfigFields(value, fields.path(name), fields.source()), Layers::kAll, rope_share, out);
  }
}

}  // namespace

RopeConfig parse_rope(const ConfigFields& fields, double rope_share) {
  Gathered found;
  const auto give = [&](const char* name, Agreed& value) {
    if (fields.has(name)) value.give(fields.number(name), name, fields);
  };
  give("rope_theta", found.theta);
  give("compress_rope_theta", found.compress_theta);
  gather_field(fields, kOldName, rope_share, found);
  gather_field(fields, kNewName, rope_share, found);
  if (found.factor.value_or(1) > 1 && fields.has(kPositions)) {
    found.original_positions.give(fields.integer(kPositions), kPositions, fields);
  }
  // fields.number() tells of the field that is missing under its released name.
  if (!found.theta.given()) fields.number("rope_theta");
  if (!found.compress_theta.given()) fields.number("compress_rope_theta");
  const YarnScaling defaults;
  const auto number = [](const Agreed& value, float absent) {
    return static_cast<float>(value.value_or(absent));
  };
  return {.theta = number(found.theta, 0),
          .compress_theta = number(found.compress_theta, 0),
          .yarn = {.factor = number(found.factor, defaults.factor),
                   .original_positions = static_cast<int>(found.original_positions.value_or(0)),
                   .beta_fast = number(found.beta_fast, defaults.beta_fast),
                   .beta_slow = number(found.beta_slow, defaults.beta_slow)}};
}

}  // namespace hadal
