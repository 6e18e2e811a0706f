// How many GPUs a row of InferenceX speaks of. Its fields num_prefill_gpu and num_decode_gpu are
// tp x ep in single-node rows (64 where 8 ran), and the whole deployment twice in early
// disaggregated rows; the figures tell what is true.
#include <cmath>
#include <optional>

#include "measure/exchange/inferencex_row.h"

namespace hadal {
namespace {

std::optional<int> small_count(TakenFields& fields, std::string_view key) {
  constexpr int64_t kMost = 10'000'000;
  const std::optional<int64_t> value = fields.count(key);
  if (value.has_value() && *value > kMost) fields.fields().refuse(key, "is too large a number");
  return value.has_value() ? std::optional<int>(static_cast<int>(*value)) : std::nullopt;
}

// The whole number that the quotient is nearly, if it is one.
std::optional<int> whole_quotient(std::optional<double> numerator, std::optional<double> divisor) {
  if (!numerator.has_value() || divisor.value_or(0) <= 0) return std::nullopt;
  const double quotient = *numerator / *divisor;
  const double whole = std::round(quotient);
  if (whole < 1 || whole > 1e6 || std::abs(quotient - whole) > 0.01 * whole) return std::nullopt;
  return static_cast<int>(whole);
}

struct Rates {
  double total;
  double input;   // per prefill GPU
  double output;  // per decode GPU
};

bool add_up(const Rates& rates, double prefill, double decode) {
  const double parts = prefill * rates.input + decode * rates.output;
  const double whole = (prefill + decode) * rates.total;
  return std::abs(parts - whole) <= 0.02 * whole;
}

InferenceXGpus disaggregated_gpus(int prefill, int decode, const std::optional<Rates>& rates,
                                  PointBuilder& builder) {
  const InferenceXGpus told{.total = prefill + decode, .prefill = prefill, .decode = decode};
  if (prefill != decode || !rates.has_value() || add_up(*rates, prefill, decode)) return told;
  // Both fields hold all N: N t = p i + (N - p) o has one solution.
  builder.warn("old_shape_totals_in_role_fields");
  InferenceXGpus solved{.total = prefill};
  const double share = (rates->total - rates->output) / (rates->input - rates->output);
  const double exact = share * prefill;
  const double whole = std::round(exact);
  if (std::isfinite(exact) && whole >= 0 && whole <= prefill && std::abs(exact - whole) < 0.05) {
    solved.prefill = static_cast<int>(whole);
    solved.decode = prefill - solved.prefill;
  }
  return solved;
}

// What the figures themselves say: power and rates come per GPU and of all.
std::optional<int> gpus_by_figures(const TakenFields& metrics) {
  const Fields& fields = metrics.fields();
  const std::optional<int> by_power =
      whole_quotient(fields.number("avg_total_gpu_power_w"), fields.number("avg_power_w"));
  if (by_power.has_value()) return by_power;
  return whole_quotient(fields.number("total_tput_tps"), fields.number("tput_per_gpu"));
}

std::optional<int> gpus_by_topology(TakenFields& row, TakenFields& metrics) {
  std::optional<int> tensor = small_count(row, "tp");
  if (!tensor.has_value()) tensor = small_count(row, "decode_tp");
  if (!tensor.has_value()) return std::nullopt;
  int64_t product = *tensor;
  for (const char* key : {"pp", "pcp_size"}) {
    std::optional<int> factor = small_count(row, key);
    if (!factor.has_value()) factor = small_count(metrics, key);
    product *= std::max(1, factor.value_or(1));
    if (product > 10'000'000) row.fields().refuse(key, "is too large a number");
  }
  return product > 0 ? std::optional<int>(static_cast<int>(product)) : std::nullopt;
}

}  // namespace

InferenceXGpus inferencex_gpus(TakenFields& row, TakenFields& metrics, bool is_disaggregated,
                               bool is_multinode, PointBuilder& builder) {
  const std::optional<int> prefill = small_count(row, "num_prefill_gpu");
  const std::optional<int> decode = small_count(row, "num_decode_gpu");
  const std::optional<int> stated = small_count(row, "num_gpus");
  if (is_disaggregated && prefill.has_value() && decode.has_value()) {
    std::optional<Rates> rates;
    const std::optional<double> total = metrics.fields().number("tput_per_gpu");
    const std::optional<double> input = metrics.fields().number("input_tput_per_gpu");
    const std::optional<double> output = metrics.fields().number("output_tput_per_gpu");
    if (total && input && output) rates = Rates{*total, *input, *output};
    const InferenceXGpus gpus = disaggregated_gpus(*prefill, *decode, rates, builder);
    for (const char* role : {"prefill", "decode"}) {
      const std::string name(role);
      if (row.fields().number(name + "_tp").value_or(0) == 1 &&
          row.fields().number(name + "_ep").value_or(0) > 1) {
        builder.warn("tp1_means_dp_attention_over_ep");
      }
    }
    return gpus;
  }
  const std::optional<int> by_figures = gpus_by_figures(metrics);
  // Across nodes tp is that of a worker, and there may be several.
  const std::optional<int> by_topology =
      is_multinode ? std::nullopt : gpus_by_topology(row, metrics);
  std::optional<int> total = stated;
  if (!total.has_value()) total = by_figures;
  if (!total.has_value()) total = by_topology;
  if (is_multinode && !total.has_value()) {
    // Without roles one of the fields is empty; where both are set nobody can tell.
    if (decode.value_or(0) == 0) total = prefill;
    if (prefill.value_or(0) == 0 && decode.has_value()) total = decode;
  }
  const auto differs = [&](const std::optional<int>& other) {
    return total.has_value() && other.has_value() && *other != 0 && *other != *total;
  };
  if (differs(prefill) || differs(decode) || differs(by_figures) || differs(by_topology)) {
    builder.warn("gpu_count_fields_inconsistent");
  }
  if (total.value_or(0) == 0) builder.warn("no_gpu_count_in_file");
  return {.total = total.value_or(0)};
}

}  // namespace hadal
