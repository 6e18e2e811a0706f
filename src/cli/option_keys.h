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
  kList,    // names as kName with commas between them; repeating the option adds to them
  kRepeat,  // as kName; repeating the option adds another
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
using RepeatKey = TypedKey<OptionType::kRepeat, std::vector<std::string>>;

struct ArgumentKey {
  std::string_view name = {};  // in capitals
};

namespace option {

inline constexpr ChoiceKey kActivations{"activations"};
inline constexpr ListKey kAllowedHost{"allowed-host"};
inline constexpr ListKey kAllowedOrigin{"allowed-origin"};
inline constexpr IntegerKey kBatch{"batch"};
inline constexpr ListKey kBatches{"batches"};
inline constexpr IntegerKey kChunk{"chunk"};
inline constexpr IntegerKey kContext{"context"};
inline constexpr PathKey kDifference{"difference"};
inline constexpr FlagKey kDrafts{"drafts"};
inline constexpr ChoiceKey kDrafter{"drafter"};
inline constexpr IntegerKey kExperts{"experts"};
inline constexpr TextKey kFilter{"filter"};
inline constexpr ListKey kGuesses{"guesses"};
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
inline constexpr ChoiceKey kReasoningEfforts{"reasoning-efforts"};
inline constexpr FlagKey kQuick{"quick"};
inline constexpr FlagKey kQuote{"quote"};
inline constexpr FlagKey kAllIsas{"all-isas"};
inline constexpr IntegerKey kReadTimeout{"read-timeout"};
inline constexpr PathKey kRepackCache{"repack-cache"};
inline constexpr ChoiceKey kWeightMemory{"weight-memory"};
inline constexpr IntegerKey kRequests{"requests"};
inline constexpr IntegerKey kRounds{"rounds"};
inline constexpr SeedKey kSeed{"seed"};
inline constexpr IntegerKey kShutdownTimeout{"shutdown-timeout"};
inline constexpr NumberKey kSoak{"soak"};
inline constexpr RepeatKey kSimulateAcceptance{"simulate-acceptance"};
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

// hadal measure
inline constexpr NameKey kA{"a"};
inline constexpr ChoiceKey kApi{"api"};
inline constexpr NameKey kApiPrice{"api-price"};
inline constexpr NameKey kArrivals{"arrivals"};
inline constexpr NameKey kAuthor{"author"};
inline constexpr NameKey kB{"b"};
inline constexpr IntegerKey kBlocks{"blocks"};
inline constexpr PathKey kCaFile{"ca-file"};
inline constexpr PathKey kCatalogue{"catalogue"};
inline constexpr IntegerKey kClientThreads{"client-threads"};
inline constexpr ListKey kConcurrency{"concurrency"};
inline constexpr IntegerKey kContextLimit{"context"};
inline constexpr PathKey kCosts{"costs"};
inline constexpr IntegerKey kDecodeGpus{"decode-gpus"};
inline constexpr FlagKey kDryRun{"dry-run"};
inline constexpr NumberKey kDuration{"duration"};
inline constexpr NameKey kEngine{"engine"};
inline constexpr NameKey kEngineVersion{"engine-version"};
inline constexpr NameKey kEra{"era"};
inline constexpr NumberKey kBudget{"budget"};
inline constexpr ChoiceKey kEvery{"every"};
inline constexpr PathKey kExport{"export"};
inline constexpr NameKey kField{"field"};
inline constexpr ChoiceKey kFormat{"format"};
inline constexpr IntegerKey kGpus{"gpus"};
inline constexpr NameKey kHardware{"hardware"};
inline constexpr PathKey kHeaders{"headers"};
inline constexpr NumberKey kInputRate{"input-rate"};
inline constexpr NumberKey kInteractivity{"interactivity"};
inline constexpr NameKey kLabel{"label"};
inline constexpr NameKey kMark{"mark"};
inline constexpr FlagKey kInsecure{"insecure"};
inline constexpr PathKey kKeyFile{"key-file"};
inline constexpr IntegerKey kLast{"last"};
inline constexpr TextKey kLaunchCommand{"launch-command"};
inline constexpr NumberKey kMaxFailures{"max-failures"};
inline constexpr NumberKey kOutputRate{"output-rate"};
inline constexpr RepeatKey kPower{"power"};
inline constexpr NameKey kPrecision{"precision"};
inline constexpr IntegerKey kPrefillGpus{"prefill-gpus"};
inline constexpr NumberKey kPrice{"price"};
inline constexpr FlagKey kPublished{"published"};
inline constexpr ListKey kRate{"rate"};
inline constexpr PathKey kRecord{"record"};
inline constexpr PathKey kReference{"reference"};
inline constexpr IntegerKey kRepeats{"repeats"};
inline constexpr NumberKey kScale{"scale"};
inline constexpr FlagKey kServe{"serve"};
inline constexpr NameKey kServedModel{"model"};
inline constexpr NumberKey kSloE2e{"slo-e2e"};
inline constexpr NumberKey kSloTpot{"slo-tpot"};
inline constexpr NumberKey kSloTtft{"slo-ttft"};
inline constexpr NameKey kSpeculation{"speculation"};
inline constexpr NameKey kStore{"store"};
inline constexpr IntegerKey kStreams{"streams"};
inline constexpr NumberKey kTimeout{"timeout"};
inline constexpr ChoiceKey kTier{"tier"};
inline constexpr PathKey kTrace{"trace"};
inline constexpr NameKey kUrl{"url"};
inline constexpr NameKey kValue{"value"};
inline constexpr ListKey kVocabularyRange{"vocabulary"};
inline constexpr NameKey kWarmUp{"warm-up"};
inline constexpr NameKey kWorkload{"workload"};

// hadal plan
inline constexpr RepeatKey kAssume{"assume"};
inline constexpr NumberKey kBurstiness{"burstiness"};
inline constexpr ChoiceKey kCachePolicy{"cache-policy"};
inline constexpr NumberKey kCacheTokens{"cache-tokens"};
inline constexpr NumberKey kColdStart{"cold-start"};
inline constexpr NumberKey kArrivalRate{"rate"};
inline constexpr NumberKey kFailureHours{"failure-hours"};
inline constexpr IntegerKey kMostReplicas{"most-replicas"};
inline constexpr NumberKey kReload{"reload"};
inline constexpr IntegerKey kReplicas{"replicas"};
inline constexpr ChoiceKey kRouting{"routing"};
inline constexpr ChoiceKey kScheduler{"scheduler"};
inline constexpr IntegerKey kSeeds{"seeds"};
inline constexpr IntegerKey kSpares{"spares"};
inline constexpr NumberKey kSwing{"swing"};
inline constexpr NumberKey kThinkTime{"think-time"};
inline constexpr NumberKey kTurns{"turns"};
inline constexpr FlagKey kConstantTable{"constants"};
inline constexpr IntegerKey kExplain{"explain"};
inline constexpr ListKey kHardwareList{"hardware"};
inline constexpr NumberKey kHorizon{"horizon"};
inline constexpr ListKey kLoadCurve{"load-curve"};
inline constexpr NumberKey kLongestGap{"longest-gap"};
inline constexpr NumberKey kMegawatts{"power"};
inline constexpr NumberKey kMemoryShare{"memory-share"};
inline constexpr IntegerKey kMostDevices{"most-devices"};
inline constexpr NameKey kPlanModel{"model"};
inline constexpr NumberKey kPue{"pue"};
inline constexpr ListKey kSeasonPue{"season-pue"};
inline constexpr ListKey kTariff{"tariff"};
inline constexpr NumberKey kTokensPerDay{"tokens-per-day"};
inline constexpr NumberKey kTtft{"ttft"};
inline constexpr NumberKey kUsers{"users"};
inline constexpr NumberKey kUtilisation{"utilisation"};
inline constexpr NumberKey kWeeks{"weeks"};
inline constexpr RepeatKey kLocal{"local"};
inline constexpr PathKey kPoints{"points"};

}  // namespace option

namespace argument {

inline constexpr ArgumentKey kDirectory{"DIR"};
inline constexpr ArgumentKey kFile{"FILE"};
inline constexpr ArgumentKey kOtherRun{"OTHER"};
inline constexpr ArgumentKey kPlan{"PLAN"};
inline constexpr ArgumentKey kPreset{"PRESET"};
inline constexpr ArgumentKey kRun{"RUN"};
inline constexpr ArgumentKey kText{"TEXT"};

}  // namespace argument

}  // namespace hadal
