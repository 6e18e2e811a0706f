// The names of options and arguments as the code knows them, each with the type of its values: a
// misspelt one does not compile. What they mean and whose they are stands in the table of options.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

enum class OptionType {
  kText,  // anything
  kName,  // text of one line, not empty
  kPath,  // not empty
  kInteger,
  kNumber,
  kSize,  // bytes
  kFlag,
  kChoice,
  kList,  // names as kName with commas between them; repeating the option adds to them
};

struct OptionKey {
  std::string_view name = {};  // without dashes
  OptionType type = OptionType::kText;
};

// `Value` is what the option's text is read as.
template <OptionType kType, typename Value>
struct TypedKey : OptionKey {
  constexpr explicit TypedKey(std::string_view option_name) : OptionKey{option_name, kType} {}
};

using TextKey = TypedKey<OptionType::kText, std::string>;
using NameKey = TypedKey<OptionType::kName, std::string>;
using PathKey = TypedKey<OptionType::kPath, std::string>;
using ChoiceKey = TypedKey<OptionType::kChoice, std::string>;
using IntegerKey = TypedKey<OptionType::kInteger, int>;
using SeedKey = TypedKey<OptionType::kInteger, uint64_t>;
using NumberKey = TypedKey<OptionType::kNumber, double>;
using SizeKey = TypedKey<OptionType::kSize, uint64_t>;
using FlagKey = TypedKey<OptionType::kFlag, bool>;
using ListKey = TypedKey<OptionType::kList, std::vector<std::string>>;

struct ArgumentKey {
  std::string_view name = {};  // in capitals
};

namespace option {

inline constexpr ChoiceKey kActivations{"activations"};
inline constexpr ListKey kAllowedHost{"allowed-host"};
inline constexpr ListKey kAllowedOrigin{"allowed-origin"};
inline constexpr IntegerKey kBatch{"batch"};
inline constexpr IntegerKey kChunk{"chunk"};
inline constexpr IntegerKey kContext{"context"};
inline constexpr PathKey kDifference{"difference"};
inline constexpr IntegerKey kExperts{"experts"};
inline constexpr TextKey kFilter{"filter"};
inline constexpr NameKey kHost{"host"};
inline constexpr IntegerKey kIdleTimeout{"idle-timeout"};
inline constexpr PathKey kInput{"input"};
inline constexpr ChoiceKey kIsa{"isa"};
inline constexpr FlagKey kJson{"json"};
inline constexpr IntegerKey kKeepAlive{"keep-alive"};
inline constexpr PathKey kKvDisk{"kv-disk"};
inline constexpr SizeKey kKvDiskSize{"kv-disk-size"};
inline constexpr SizeKey kKvMemory{"kv-memory"};
inline constexpr SizeKey kKvSpill{"kv-spill"};
inline constexpr IntegerKey kLayers{"layers"};
inline constexpr PathKey kLayersFile{"layers"};
inline constexpr ChoiceKey kLayout{"layout"};
inline constexpr IntegerKey kLongPrompt{"long-prompt"};
inline constexpr SizeKey kMaxBody{"max-body"};
inline constexpr IntegerKey kMaxConnections{"max-connections"};
inline constexpr SizeKey kMaxHeaders{"max-headers"};
inline constexpr IntegerKey kMaxQueue{"max-queue"};
inline constexpr IntegerKey kMaxRunning{"max-running"};
inline constexpr IntegerKey kMaxTokens{"max-tokens"};
inline constexpr PathKey kModel{"model"};
inline constexpr FlagKey kMtp{"mtp"};
inline constexpr ListKey kName{"name"};
inline constexpr PathKey kOutput{"output"};
inline constexpr IntegerKey kPort{"port"};
inline constexpr TextKey kPrompt{"prompt"};
inline constexpr FlagKey kQuick{"quick"};
inline constexpr FlagKey kAllIsas{"all-isas"};
inline constexpr IntegerKey kReadTimeout{"read-timeout"};
inline constexpr PathKey kRepackCache{"repack-cache"};
inline constexpr IntegerKey kRequests{"requests"};
inline constexpr SeedKey kSeed{"seed"};
inline constexpr IntegerKey kShutdownTimeout{"shutdown-timeout"};
inline constexpr NumberKey kSoak{"soak"};
inline constexpr IntegerKey kStepBudget{"step-budget"};
inline constexpr FlagKey kStrict{"strict"};
inline constexpr TextKey kSystem{"system"};
inline constexpr NumberKey kTemperature{"temperature"};
inline constexpr ChoiceKey kThink{"think"};
inline constexpr IntegerKey kThreads{"threads"};
inline constexpr PathKey kTokenizer{"tokenizer"};
inline constexpr IntegerKey kTokens{"tokens"};
inline constexpr NumberKey kTopP{"top-p"};
inline constexpr FlagKey kVerify{"verify"};
inline constexpr IntegerKey kVocab{"vocab"};
inline constexpr IntegerKey kWriteTimeout{"write-timeout"};

}  // namespace option

namespace argument {

inline constexpr ArgumentKey kDirectory{"DIR"};
inline constexpr ArgumentKey kPreset{"PRESET"};

}  // namespace argument

}  // namespace hadal
