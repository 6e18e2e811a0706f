#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "json/python_json.h"
#include "measure/exchange/export.h"

namespace hadal {
namespace {

struct Gauge {
  std::string_view name;
  std::string_view help;
  std::optional<double> OpenCostGauges::*value;
};
constexpr std::array kGauges = {
    Gauge{"llm_total_cost", "Dollars per hour of the model's deployment.",
          &OpenCostGauges::total_cost},
    Gauge{"llm_cost_per_million_tokens", "Dollars per million tokens, input and output.",
          &OpenCostGauges::cost_per_million_tokens},
    Gauge{"llm_input_cost_per_million_tokens",
          "Dollars per million input tokens that no cache held.",
          &OpenCostGauges::input_cost_per_million_tokens},
    Gauge{"llm_output_cost_per_million_tokens", "Dollars per million output tokens.",
          &OpenCostGauges::output_cost_per_million_tokens},
};

// The format has escapes for these three alone; other control characters, which nobody named a
// model with on purpose, and bytes that are no UTF-8, become U+FFFD.
void append_label(std::string& out, std::string_view name, const std::string& value) {
  if (out.back() != '{') out += ',';
  out.append(name) += "=\"";
  for (const char c : utf8_replace_invalid(value)) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += "\xEF\xBF\xBD";
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

std::string export_opencost(const std::vector<OpenCostGauges>& models) {
  std::string out;
  for (const Gauge& gauge : kGauges) {
    std::string samples;
    for (const OpenCostGauges& model : models) {
      const std::optional<double>& value = model.*gauge.value;
      if (!value || !std::isfinite(*value)) continue;
      samples.append(gauge.name) += '{';
      append_label(samples, "model_name", model.model_name);
      append_label(samples, "model_version", model.model_version);
      append_label(samples, "namespace", model.namespace_name);
      append_label(samples, "cost_basis", model.cost_basis);
      if (!model.allocation_method.empty()) {
        append_label(samples, "allocation_method", model.allocation_method);
      }
      samples += "} " + python_float(*value) + "\n";
    }
    if (samples.empty()) continue;
    out.append("# HELP ").append(gauge.name).append(" ").append(gauge.help) += '\n';
    out.append("# TYPE ").append(gauge.name).append(" gauge\n").append(samples);
  }
  return out;
}

}  // namespace hadal
