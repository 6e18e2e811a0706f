// One function per command. Each returns the exit status or throws Error; program.h turns what is
// thrown into one line and a status.
#pragma once

#include "cli/command_line.h"

namespace hadal {

int run_command(const ParsedLine& line);
int serve_command(const ParsedLine& line);
int inspect_command(const ParsedLine& line);
int synth_command(const ParsedLine& line);
int score_command(const ParsedLine& line);
int text_command(const ParsedLine& line);
int bench_command(const ParsedLine& line);
int measure_quick_command(const ParsedLine& line);
int measure_run_command(const ParsedLine& line);
int measure_verify_command(const ParsedLine& line);
int measure_compare_command(const ParsedLine& line);
int measure_selftest_command(const ParsedLine& line);
int measure_costs_command(const ParsedLine& line);
int measure_sweep_command(const ParsedLine& line);
int measure_recommend_command(const ParsedLine& line);
int dashboard_command(const ParsedLine& line);
int measure_runs_command(const ParsedLine& line);
int plan_ask_command(const ParsedLine& line);
int plan_fleet_command(const ParsedLine& line);
int plan_validate_command(const ParsedLine& line);

}  // namespace hadal
