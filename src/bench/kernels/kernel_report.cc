#include <algorithm>
#include <fmt/format.h>
#include <set>

#include <nlohmann/json.hpp>

#include "bench/kernels/bench_json.h"
#include "bench/kernels/kernel_bench.h"

namespace hadal {
namespace {

std::string threads_text(int threads) {
  return threads == 1 ? "1 thread" : fmt::format("{} threads", threads);
}

std::string machine_text(const KernelReport& report) {
  std::string text = fmt::format("{}, {} kernels, cold over {} MiB\n\n{:<24}", report.processor,
                                 isa_name(report.isa), report.arena_bytes >> 20, "");
  for (const MachineRates& rates : report.machine) {
    text += fmt::format("{:>22}", threads_text(rates.threads));
  }
  const auto row = [&](std::string_view name, const auto& value) {
    text += fmt::format("\n{:<24}", name);
    for (const MachineRates& rates : report.machine) text += fmt::format("{:>22}", value(rates));
  };
  row("read, memory",
      [](const MachineRates& r) { return fmt::format("{:.1f} GB/s", r.read_gb_per_s); });
  row("  best kernel", [](const MachineRates& r) { return r.read_kernel; });
  row("read, cache",
      [](const MachineRates& r) { return fmt::format("{:.1f} GB/s", r.cache_gb_per_s); });
  for (size_t i = 0; i < report.machine.front().peaks.size(); ++i) {
    row(report.machine.front().peaks[i].instruction,
        [&](const MachineRates& r) { return fmt::format("{:.1f} GMAC/s", r.peaks[i].gmac_per_s); });
  }
  row("fork-join", [](const MachineRates& r) { return fmt::format("{:.2f} µs", r.fork_join_us); });
  return text + "\n";
}

std::string_view formula_of(std::string_view group) {
  for (const CaseFormula& formula : case_formulas()) {
    if (group.starts_with(formula.group)) return formula.text;
  }
  return "";
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string_view short_limit(std::string_view limit) {
  return limit == "memory" || limit == "cache" ? limit : "arith";
}

nlohmann::ordered_json report_json(const KernelReport& report) {
  nlohmann::ordered_json json;
  json["processor"] = report.processor;
  json["isa"] = isa_name(report.isa);
  json["cold_bytes"] = report.arena_bytes;
  for (const MachineRates& rates : report.machine) json["machine"].push_back(machine_json(rates));
  for (const CaseFormula& formula : case_formulas()) {
    json["formulas"][std::string(formula.group)] = formula.text;
  }
  json["kernels"] = nlohmann::ordered_json::array();
  for (const KernelFigure& figure : report.figures) {
    json["kernels"].push_back({{"group", figure.group},
                               {"name", figure.name},
                               {"threads", figure.threads},
                               {"microseconds", figure.seconds * 1e6},
                               {"bytes", figure.bytes},
                               {"macs", figure.macs},
                               {"gb_per_s", figure.gb_per_s()},
                               {"gmac_per_s", figure.gmac_per_s()},
                               {"limit", figure.limit},
                               {"limit_microseconds", figure.limit_seconds * 1e6},
                               {"ratio", figure.ratio()}});
  }
  json["summary"] = nlohmann::ordered_json::array();
  for (const KernelSummary& summary : report.summaries) {
    json["summary"].push_back({{"group", summary.group},
                               {"threads", summary.threads},
                               {"median_ratio", summary.median_ratio},
                               {"least_ratio", summary.least_ratio},
                               {"greatest_ratio", summary.greatest_ratio}});
  }
  json["left_out"] = report.left_out;
  return json;
}

// Where a column of a comparison has its figures.
const KernelFigure* find_figure(const KernelReport& report, const KernelFigure& like) {
  const auto found =
      std::find_if(report.figures.begin(), report.figures.end(), [&](const KernelFigure& figure) {
        return figure.group == like.group && figure.name == like.name &&
               figure.threads == like.threads;
      });
  return found == report.figures.end() ? nullptr : &*found;
}

// The figures of all reports with so many threads, each kernel once, groups together.
std::vector<const KernelFigure*> kernels_of(const std::vector<KernelReport>& reports, int threads) {
  std::vector<const KernelFigure*> kernels;
  for (const KernelReport& report : reports) {
    for (const KernelFigure& figure : report.figures) {
      if (figure.threads != threads) continue;
      const auto same_name = [&](const KernelFigure* other) {
        return other->group == figure.group && other->name == figure.name;
      };
      if (std::any_of(kernels.begin(), kernels.end(), same_name)) continue;
      const auto last = std::find_if(kernels.rbegin(), kernels.rend(), [&](const auto* other) {
        return other->group == figure.group;
      });
      kernels.insert(last == kernels.rend() ? kernels.end() : last.base(), &figure);
    }
  }
  return kernels;
}

}  // namespace

std::string kernel_report_text(const KernelReport& report) {
  std::string text = machine_text(report);
  text +=
      "\nratio = time at the limit / time; limit = the slower of bytes / read rate and macs / "
      "peak\n";
  std::set<std::string_view> printed;  // of several numbers of threads there is a summary each
  for (const KernelSummary& summary : report.summaries) {
    const std::string_view group = summary.group;
    if (!printed.insert(group).second) continue;
    text += fmt::format("\n{}: {}\n{:<44}{:>7}{:>12}{:>9}{:>9}  {:<23}{:>6}\n", group,
                        formula_of(group), "", "threads", "µs", "GB/s", "GMAC/s", "limit", "ratio");
    for (const KernelFigure& figure : report.figures) {
      if (figure.group != group) continue;
      text += fmt::format("{:<44}{:>7}{:>11.1f}{:>9.2f}{:>9.2f}  {:<23}{:>6.2f}\n", figure.name,
                          figure.threads, figure.seconds * 1e6, figure.gb_per_s(),
                          figure.gmac_per_s(), figure.limit, figure.ratio());
    }
  }
  text += fmt::format("\n{:<44}{:>7}{:>11}{:>9}{:>9}\n", "ratio by group", "threads", "median",
                      "least", "greatest");
  for (const KernelSummary& summary : report.summaries) {
    text += fmt::format("{:<44}{:>7}{:>11.2f}{:>9.2f}{:>9.2f}\n", summary.group, summary.threads,
                        summary.median_ratio, summary.least_ratio, summary.greatest_ratio);
  }
  if (report.left_out > 0) {
    text += fmt::format("\n{} cases are too long for the scalar reference and were left out\n",
                        report.left_out);
  }
  return text;
}

std::string kernel_comparison_text(const std::vector<KernelReport>& reports) {
  std::string text;
  for (const KernelReport& report : reports) text += machine_text(report) + "\n";
  text +=
      "share = time at the limit / time. The limit is memory, a cache, or arithmetic: the peak of "
      "the\ninstruction above that a set multiplies such numbers with (by name in --json and with "
      "--isa).\n- : the set has no such kernel, or it is too long for the scalar reference\n";
  for (const MachineRates& rates : reports.front().machine) {
    std::string line = fmt::format("\n{:<42}", threads_text(rates.threads));
    for (const KernelReport& report : reports) {
      line += fmt::format("   {:<22}", isa_name(report.isa));
    }
    text += without_trailing_blanks(line);
    std::string_view group;
    for (const KernelFigure* kernel : kernels_of(reports, rates.threads)) {
      if (kernel->group != group) {
        group = kernel->group;
        line = fmt::format("\n{:<42}", group);
        for (size_t i = 0; i < reports.size(); ++i) {
          line += fmt::format("   {:>9} {:>5} {:<6}", "µs", "share", "limit");
        }
        text += without_trailing_blanks(line);
      }
      line = fmt::format("\n  {:<40}", kernel->name);
      for (const KernelReport& report : reports) {
        const KernelFigure* figure = find_figure(report, *kernel);
        line += figure == nullptr ? fmt::format("   {:>9} {:>5} {:<6}", "-", "", "")
                                  : fmt::format("   {:>9.1f} {:>5.2f} {:<6}", figure->seconds * 1e6,
                                                figure->ratio(), short_limit(figure->limit));
      }
      text += without_trailing_blanks(line);
    }
    text += "\n";
  }
  return text;
}

std::string kernel_comparison_json(const std::vector<KernelReport>& reports) {
  nlohmann::ordered_json json;
  for (const KernelReport& report : reports) json["isas"].push_back(report_json(report));
  return json.dump(2) + "\n";
}

std::string kernel_report_json(const KernelReport& report) {
  return report_json(report).dump(2) + "\n";
}

}  // namespace hadal
