#include "measure/store/annotations.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/suggest.h"
#include "base/system_files.h"
#include "measure/store/run_words.h"
#include "measure/store/schema.h"

namespace hadal {
namespace {

constexpr const char* kState = "state";
// More accelerators than any deployment has.
constexpr int64_t kMostGpus = 10'000'000;

bool is_number_field(const std::string& field) { return field.ends_with("gpus"); }

int* number_field(RunRecord& run, const std::string& field) {
  if (field == "gpus") return &run.gpus;
  if (field == "prefill_gpus") return &run.prefill_gpus;
  if (field == "decode_gpus") return &run.decode_gpus;
  return nullptr;
}

std::string* text_field(RunRecord& run, const std::string& field) {
  if (field == "label") return &run.label;
  if (field == "url") return &run.url;
  if (field == "model") return &run.model;
  if (field == "engine") return &run.engine;
  if (field == "engine_version") return &run.engine_version;
  if (field == "hardware") return &run.hardware;
  if (field == "precision") return &run.precision;
  if (field == "speculation") return &run.speculation;
  if (field == "workload") return &run.workload;
  if (field == "source") return &run.source;
  return nullptr;
}

[[noreturn]] void refuse_annotation(const std::string& what, const std::string& remedy) {
  throw Error(
      {.code = ErrorCode::kInvalidArgument, .where = "annotation", .what = what, .remedy = remedy});
}

}  // namespace

void check_annotation(const RunAnnotation& annotation) {
  const std::string& field = annotation.field;
  if (field.empty()) {
    if (annotation.value.empty() && annotation.reason.empty()) {
      refuse_annotation("says nothing", "give a note, or a field and its value");
    }
    return;
  }
  if (field == kState) {
    if (annotation.value == run_state_word(RunState::kInvalid)) return;
    refuse_annotation("cannot make a run " + printable(annotation.value, 40),
                      "a run that should not count becomes invalid");
  }
  std::vector<std::string> fields = correctable_fields();
  if (std::find(fields.begin(), fields.end(), field) == fields.end()) {
    fields.emplace_back(kState);
    const std::string near = nearest(field, fields);
    refuse_annotation("corrects a field \"" + printable(field, 40) + "\", which runs do not have",
                      near.empty() ? "fields are label, model, engine, hardware and others"
                                   : "did you mean \"" + near + "\"?");
  }
  if (!is_number_field(field)) return;
  const std::optional<int64_t> number = parse_number(annotation.value);
  if (!number || *number > kMostGpus) {
    refuse_annotation(field + " must be a number, not \"" + printable(annotation.value, 40) + "\"",
                      "give a whole number");
  }
}

void apply_annotations(RunRecord& run, std::span<const RunAnnotation> annotations) {
  for (const RunAnnotation& annotation : annotations) {
    if (annotation.field.empty()) continue;
    if (annotation.field == kState) {
      run.state = run_state_of(annotation.value).value_or(run.state);
    } else if (int* number = number_field(run, annotation.field)) {
      *number = static_cast<int>(parse_number(annotation.value).value_or(0));
    } else if (std::string* text = text_field(run, annotation.field)) {
      *text = annotation.value;
    }
  }
}

}  // namespace hadal
