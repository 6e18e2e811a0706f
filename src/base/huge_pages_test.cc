#include "base/huge_pages.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/mapped_file.h"

namespace hadal {
namespace {

TEST(HugePagesTest, AdviceLeavesContentsAloneAndIsReported) {
  constexpr size_t kBytes = 8 * kHugePage;
  void* const memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const bytes = static_cast<unsigned char*>(memory);
  bytes[kHugePage + 5] = 7;
  const bool taken = advise_huge_pages(memory, kBytes);
  EXPECT_EQ(bytes[kHugePage + 5], 7);
  std::memset(memory, 1, kBytes);
  const MemoryAdvice advice = memory_advice(memory, kBytes);
  EXPECT_FALSE(advice.policy.empty());
  if (advice.resident_bytes > 0) {  // the system lets us see
    EXPECT_GE(advice.resident_bytes, kBytes);
    EXPECT_LE(advice.huge_bytes, advice.resident_bytes);
  }
  if (!taken) {
    EXPECT_EQ(advice.huge_bytes, 0U);
  }
  munmap(memory, kBytes);
}

TEST(HugePagesTest, RefusesRangesWithoutAHugePage) {
  std::vector<unsigned char> small(kHugePage - 1);
  EXPECT_FALSE(advise_huge_pages(small.data(), small.size()));
  EXPECT_FALSE(advise_huge_pages(nullptr, 0));
}

TEST(HugePagesTest, LargeBuffersAreAlignedForHugePages) {
  AlignedBuffer<float> large(4 * kHugePage / sizeof(float));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(large.data()) % kHugePage, 0U);
  large.data()[large.size() - 1] = 1.0F;
  AlignedBuffer<float> small(100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(small.data()) % kCacheLine, 0U);
}

TEST(HugePagesTest, MappedFilesReadTheSameThroughThem) {
  const auto path = std::filesystem::path(testing::TempDir()) / "huge_pages.bin";
  std::vector<char> bytes(2 * kHugePage + 12345);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13);
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const MappedFile file(path);
  ASSERT_EQ(file.bytes().size(), bytes.size());
  EXPECT_EQ(std::memcmp(file.bytes().data(), bytes.data(), bytes.size()), 0);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace hadal
