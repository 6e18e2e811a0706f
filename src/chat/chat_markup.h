// The literals of DeepSeek V4's prompt format: role and task tokens, thinking tags and the DSML
// markup of tool calls. The bars in them are U+FF5C, the underscores of BOS and EOS U+2581.
#pragma once

#include <string_view>

namespace hadal::markup {

inline constexpr std::string_view kBos = "<｜begin▁of▁sentence｜>";
inline constexpr std::string_view kEos = "<｜end▁of▁sentence｜>";
inline constexpr std::string_view kUser = "<｜User｜>";
inline constexpr std::string_view kAssistant = "<｜Assistant｜>";
inline constexpr std::string_view kLatestReminder = "<｜latest_reminder｜>";
inline constexpr std::string_view kThinkBegin = "<think>";
inline constexpr std::string_view kThinkEnd = "</think>";

inline constexpr std::string_view kDsml = "｜DSML｜";
inline constexpr std::string_view kToolCallsBegin = "<｜DSML｜tool_calls";  // ">\n" follows
inline constexpr std::string_view kToolCallsMark = "\n\n<｜DSML｜tool_calls";
inline constexpr std::string_view kToolCallsEnd = "</｜DSML｜tool_calls>";
inline constexpr std::string_view kInvokeBegin = "<｜DSML｜invoke";
inline constexpr std::string_view kInvokeEnd = "</｜DSML｜invoke";
inline constexpr std::string_view kParameterBegin = "<｜DSML｜parameter";
inline constexpr std::string_view kParameterEnd = "/｜DSML｜parameter";  // '<' comes before

}  // namespace hadal::markup
