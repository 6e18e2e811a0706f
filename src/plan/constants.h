// The one table of what the planner assumes about machines and engines beyond data sheets
// (data/plan-constants.json): shares of peaks that kernels reach, what launching and synchronising
// costs, how young stacks catch up. Each has a name, a unit, a range, and where its value comes
// from. Everything else that a prediction depends on is in the model's config, the hardware
// catalogue or the question.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// Whose kernels run: values are kept for each family, because they were measured for each.
enum class DeviceFamily {
  kBlackwell,  // NVIDIA's data-centre accelerators from 2024 on
  kHopper,     // and before
  kAmd,
  kWorkstation,  // NVIDIA's cards and small machines, whose kernels are others
  kOther,
  kCpu,
};
inline constexpr size_t kDeviceFamilies = 6;
// "blackwell", "hopper", "amd", "workstation", "other", "cpu".
std::string_view device_family_name(DeviceFamily family);

// In the order of the file, which explains them.
enum class Constant {
  kMemoryShare,
  kGemmShare,
  kExpertGemmShare,
  kFp4Use,
  kWideGemmShare,
  kPrefillAttentionShare,
  kDecodeAttentionShare,
  kGatherShare,
  kIndexerShare,
  kDecodeVectorShare,
  kPrefillVectorShare,
  kLayerFloor,
  kCollectiveLatency,
  kNetworkLatency,
  kCollectiveShare,
  kCollectiveOverlap,
  kHostGap,
  kStageGap,
  kPrefillGap,
  kExpertImbalance,
  kRoutingSkew,
  kGathering,
  kSteadyShare,
  kYouthExcess,
  kYouthDays,
  kReadOverlap,
  kHalfRows,
};
inline constexpr size_t kConstants = 27;

struct ConstantSpec {
  std::string name = {};
  std::string unit = {};
  std::array<double, kDeviceFamilies> values = {};
  // Which of them a fit to published curves set; the others are estimates.
  std::array<bool, kDeviceFamilies> calibrated = {};
  double low = 0;  // the least and greatest that is plausible, as factors of the value
  double high = 0;
  std::string meaning = {};
  std::string source = {};  // with its date
};

// Indexed by Constant. Read once.
std::span<const ConstantSpec> constant_table();

class Constants {
 public:
  Constants();
  double get(Constant id, DeviceFamily family) const {
    return values_[static_cast<size_t>(id)][static_cast<size_t>(family)];
  }
  // "gemm_share=0.4" for all families, "gemm_share.amd=0.4" for one. Throws Error
  // kInvalidArgument with the nearest name, and for 0 where something is divided by the constant.
  void set(std::string_view assignment);
  void scale(Constant id, double factor);

 private:
  std::array<std::array<double, kDeviceFamilies>, kConstants> values_;
};

// The factor on all times of an engine's kernels, `days` after the model came out: 1 + excess ·
// e^(-days / youth_days).
double youth_factor(const Constants& constants, DeviceFamily family, double days);

// Days from the release of V4 (2026-04-24) to a date "2026-05-21" or the first part of one; of a
// later checkpoint the engine's work on V4 counts all the same. Earlier dates are 0; none, and a
// year alone: 180.
double days_since_release(std::string_view date);

}  // namespace hadal
