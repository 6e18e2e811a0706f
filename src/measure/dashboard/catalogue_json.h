// What the dashboard's page knows without any run: definitions of figures, prices and power of
// hardware, and what others published, as runs of the origin "published".
#pragma once

#include "measure/dashboard/json_text.h"

namespace hadal {

void write_metric_catalogue(JsonText& json);
// {"eras": […], "pue": {…}, "accelerators": […]}, prices in USD per GPU and hour, power in kW.
void write_hardware(JsonText& json);
// As write_dashboard_run; a statistic that is no mean and none of the usual percentiles stands in
// the point's "other", by its own name.
void write_published_runs(JsonText& json);

}  // namespace hadal
