// The dashboard without a server: one file to hand around, or a folder for any web server. Both
// hold what the store held when they were written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "measure/dashboard/dashboard_api.h"

namespace hadal {

struct ExportReport {
  int64_t runs = 0;      // written
  int64_t of_runs = 0;   // in the store
  int64_t detailed = 0;  // of them with documents and slices
  size_t bytes = 0;      // of the page's file, or of all files
};

constexpr size_t kMostFileBytes = 3'000'000;

// The newest runs that fit into `most_bytes`, details of as many as there is room for. Throws
// Error.
ExportReport export_single_file(const std::string& store, const std::string& version,
                                const std::filesystem::path& file,
                                size_t most_bytes = kMostFileBytes);
// All runs, all details. The folder is made; files in it of the same names are replaced.
ExportReport export_folder(const std::string& store, const std::string& version,
                           const std::filesystem::path& folder);

}  // namespace hadal
