// Reading what the tools of vendors, and commands of users, print about power. Text of others: it
// may be anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/meters/power_meter.h"

namespace hadal {

// A decimal number and nothing else; nothing for what is not finite.
std::optional<double> parse_decimal(std::string_view text);

// `amd-smi metric -p -E --json`, of any version: an array, or an object with "gpu_data", after
// whatever warnings. Boards that show neither power nor energy ("N/A": partitions but the first)
// are left out. Throws Error (kInvalidFile) for what is none of this.
std::vector<MeterReading> read_amd_smi(std::string_view text);

// The numbers of cards in `npu-smi info -l`.
std::vector<int> read_npu_smi_list(std::string_view text);
// Watts in `npu-smi info -t power -i N`, all chips of the card together; never the rated power.
std::optional<double> read_npu_smi_power(std::string_view text);

// Watts in `ipmitool dcmi power reading`; nothing where the BMC says that it does not measure.
std::optional<double> read_ipmi_dcmi(std::string_view text);

// One line of a user's command: a number, with or without a unit (W, kW, mW; J, kJ, Wh, kWh for a
// counter), or an object {"watts": …, "joules": …, "device": …}. `covers` is the class of what
// names none: "left" becomes "wall:left". Blank lines and comments (#) are nothing. Throws Error
// (kInvalidFile), which names unknown keys and the nearest known one.
std::optional<MeterReading> read_meter_line(std::string_view line, std::string_view covers);

}  // namespace hadal
