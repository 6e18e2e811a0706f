// A run in one file, to be sent to others and checked by them: a SQLite database with the tables of
// a run store and one run in it, its digests included. Anything that reads SQLite opens it. What
// comes in such a file may come from anybody.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "measure/store/run_store.h"

namespace hadal {

// A run that has ended; one whose process is gone is ended first. An existing file is refused, and
// none is left behind when this fails.
void export_bundle(RunStore& store, const std::string& run_id, const std::filesystem::path& path);

struct BundleInfo {
  std::string run_id = {};
  std::string sha256 = {};  // the run's digest
};

// Throws kInvalidFile unless the file is a bundle whose run is as it was written.
BundleInfo check_bundle(const std::filesystem::path& path);

struct BundleImport {
  std::string run_id = {};
  bool added = false;      // it was not there before
  int64_t later_rows = 0;  // annotations and gates that were not there before
};

// Checks the bundle first. A run that is there already gains the annotations and gates that it
// lacks; where it is there with another content, kInvalidFile is thrown. All or nothing.
BundleImport import_bundle(RunStore& store, const std::filesystem::path& path);

}  // namespace hadal
