// What a person reads of a measurement: a table of points, a chart for the terminal, the verdict in
// words. Takes figures as they are and computes none.
#pragma once

#include <span>
#include <string>

#include "measure/metrics/verdict.h"
#include "measure/records.h"

namespace hadal {

// "0.123 s", "4.5 ms"; "–" for none.
std::string seconds_text(const std::optional<double>& seconds);

// A row for each point: load, requests, rates, first token, speed for each user, and marks for what
// is not to be trusted, which a line below explains. Warnings follow.
std::string points_table(std::span<const PointRecord> points);

// Output tokens a second of all (bars) and of each user beside them, by concurrency; empty for
// fewer than two points of closed loop.
std::string throughput_chart(std::span<const PointRecord> points);

std::string verdict_text(const EndpointVerdict& verdict);

}  // namespace hadal
