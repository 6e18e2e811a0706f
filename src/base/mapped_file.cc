#include "base/mapped_file.h"

#include <cerrno>
#include <sys/mman.h>
#include <utility>

#include "base/files.h"
#include "base/huge_pages.h"
#include "base/machine.h"

namespace hadal {

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const InputFile file(path);
  identity_ = file.identity();
  if (file.size() == 0) return;
  void* address =
      ::mmap(nullptr, static_cast<size_t>(file.size()), PROT_READ, MAP_SHARED, file.fd(), 0);
  if (address == MAP_FAILED && errno == ENOMEM) {
    throw Error(
        {.code = ErrorCode::kResourceExhausted,
         .where = path.string(),
         .what = "cannot be mapped into memory: the system refuses " +
                 short_size(static_cast<int64_t>(file.size())) + memory_limit_note(),
         .remedy =
             "raise the limits of this process (ulimit -v of the shell, LimitAS= of a service)"});
  }
  if (address == MAP_FAILED) throw_system_error(path, "cannot be mapped into memory", errno);
  data_ = static_cast<const std::byte*>(address);
  size_ = static_cast<size_t>(file.size());
  advise_huge_pages(data_, size_);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      identity_(other.identity_) {}

bool MappedFile::is_open_as(const InputFile& file) const {
  return file.identity() == identity_ && file.size() == size_;
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(identity_, other.identity_);
  return *this;
}

}  // namespace hadal
