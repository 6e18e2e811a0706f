#include "checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

// A file of the given header text and as many bytes of data.
std::string file_of(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  return file + header + std::string(data_bytes, 'd');
}

std::vector<SafetensorsEntry> parse(const std::string& file) {
  return parse_safetensors_header(std::as_bytes(std::span(file)), file.size(), "a.safetensors");
}

// The message with which the file is refused; empty when it is not.
std::string refusal(const std::string& file) {
  try {
    parse(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    EXPECT_TRUE(std::string(error.what()).starts_with("a.safetensors: ")) << error.what();
    return error.what();
  }
  return "";
}

std::string refusal(const std::string& header, size_t data_bytes) {
  return refusal(file_of(header, data_bytes));
}

void expect_refused(const std::string& header, size_t data_bytes, const std::string& reason) {
  EXPECT_NE(refusal(header, data_bytes).find(reason), std::string::npos)
      << header << " gave: " << refusal(header, data_bytes);
}

std::string one_tensor(const std::string& dtype, const std::string& shape,
                       const std::string& offsets) {
  return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

TEST(SafetensorsHeader, ReadsTensorsInTheOrderOfTheirBytes) {
  const std::string header =
      R"({"b":{"dtype":"F32","shape":[2,1],"data_offsets":[3,11]},"__metadata__":{"k":"v"},)"
      R"("a":{"data_offsets":[0,3],"shape":[3],"dtype":"I8"},)"
      R"("s":{"dtype":"BF16","shape":[],"data_offsets":[11,13]}})";
  const auto entries = parse(file_of(header, 13));
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[1].name, "b");
  EXPECT_EQ(entries[1].dtype, DType::kF32);
  EXPECT_EQ(entries[1].shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(entries[1].begin, 8 + header.size() + 3);
  EXPECT_EQ(entries[1].end, 8 + header.size() + 11);
  EXPECT_TRUE(entries[2].shape.empty());
}

TEST(SafetensorsHeader, AcceptsEmptyFilesEmptyTensorsAndPadding) {
  EXPECT_TRUE(parse(file_of("{}   ", 0)).empty());
  EXPECT_EQ(parse(file_of(one_tensor("F32", "[0,7]", "[0,0]"), 0)).size(), 1U);
}

TEST(SafetensorsHeader, RefusesTruncatedFiles) {
  const std::string whole = file_of(one_tensor("F32", "[4]", "[0,16]"), 16);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
  }
  EXPECT_EQ(refusal(whole), "");
}

TEST(SafetensorsHeader, RefusesLengthsPastTheFile) {
  for (const uint64_t length :
       {uint64_t{3}, uint64_t{99'999'999}, uint64_t{1} << 32, std::numeric_limits<uint64_t>::max(),
        std::numeric_limits<uint64_t>::max() - 7}) {
    std::string file(sizeof(length), '\0');
    std::memcpy(file.data(), &length, sizeof(length));
    EXPECT_NE(refusal(file + "{}"), "") << length;
  }
}

TEST(SafetensorsHeader, RefusesOffsetsThatLie) {
  expect_refused(one_tensor("I8", "[4]", "[0,4]"), 3, "has only 3 bytes of data");
  expect_refused(one_tensor("I8", "[4]", "[4,0]"), 4, "before its beginning");
  expect_refused(one_tensor("I8", "[4]", "[0,18446744073709551615]"), 4, "bytes of data");
  expect_refused(one_tensor("I8", "[4]", "[0,99999999999999999999]"), 4, "tensor 't'");
  expect_refused(one_tensor("I8", "[4]", "[-4,4]"), 4, "tensor 't'");
  expect_refused(one_tensor("I8", "[4]", "[0]"), 4, "two data_offsets");
  expect_refused(one_tensor("I8", "[4]", "[0,4,4]"), 4, "two data_offsets");
  expect_refused(one_tensor("I8", "[4]", "[0.0,4]"), 4, "tensor 't'");
}

TEST(SafetensorsHeader, RefusesShapesThatLie) {
  expect_refused(one_tensor("F32", "[3]", "[0,16]"), 16, "takes 16 bytes, but F32 [3] needs 12");
  expect_refused(one_tensor("F32", "[4294967296,4294967296]", "[0,16]"), 16, "more than 2^64");
  // 2^62 · 4 · 4 = 2^66, which wraps to 0.
  expect_refused(one_tensor("F32", "[4611686018427387904,4]", "[0,0]"), 0, "more than 2^64");
  expect_refused(one_tensor("I8", "[18446744073709551615]", "[0,4]"), 4, "dimension");
  expect_refused(one_tensor("I8", "[-4]", "[0,4]"), 4, "tensor 't'");
  expect_refused(one_tensor("I8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, "more than 8 dimensions");
}

TEST(SafetensorsHeader, RefusesOverlapsAndHoles) {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"I8","shape":[4],"data_offsets":)" + first +
           R"(},"b":{"dtype":"I8","shape":[4],"data_offsets":)" + second + "}}";
  };
  EXPECT_EQ(refusal(two("[4,8]", "[0,4]"), 8), "");
  expect_refused(two("[0,4]", "[3,7]"), 7, "tensor 'b' overlaps tensor 'a'");
  expect_refused(two("[0,4]", "[0,4]"), 4, "overlaps");
  expect_refused(two("[0,4]", "[5,9]"), 9, "the 1 bytes before tensor 'b' belong to no tensor");
  expect_refused(two("[0,4]", "[4,8]"), 9, "last 1 bytes belong to no tensor");
}

TEST(SafetensorsHeader, RefusesRepeatedAndMissingFields) {
  const std::string a = R"("a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]})";
  expect_refused("{" + a + "," + a + "}", 0, "tensor 'a' is described twice");
  expect_refused(R"({"a":{"dtype":"I8","dtype":"I8","shape":[0],"data_offsets":[0,0]}})", 0,
                 "dtype twice");
  expect_refused(R"({"a":{"shape":[0],"data_offsets":[0,0]}})", 0, "has no dtype");
  expect_refused(R"({"a":{"dtype":"I8","data_offsets":[0,0]}})", 0, "has no shape");
  expect_refused(R"({"a":{"dtype":"I8","shape":[0]}})", 0, "data_offsets");
  expect_refused(R"({"a":{"dtype":"I8","shape":[0],"data_offsets":[0,0],"x":1}})", 0,
                 "unknown field 'x'");
}

TEST(SafetensorsHeader, NamesTheDtypeThatItDoesNotRead) {
  const std::string line = refusal(one_tensor("F16", "[2]", "[0,4]"), 4);
  EXPECT_NE(line.find("tensor 't' has the dtype F16"), std::string::npos) << line;
}

TEST(SafetensorsHeader, RefusesOtherJson) {
  for (const char* header :
       {"", "[]", "7", " {}", "{", "{}}", "{\"a\":1}", "{\"a\":[]}", "{\"a\":null}",
        "{\"a\":\"b\"}", "{\"__metadata__\":{\"a\":{}}}", "{\"__metadata__\":{\"a\":1}}",
        "{\"__metadata__\":[]}", "{\"a\":{\"dtype\":[]}}", "{\"a\":{\"shape\":[[1]]}}",
        "{\"a\":{\"shape\":1}}", "{\"a\":{\"b\":{}}}", "{\"\xff\":1}", "{\"a\":1e999}"}) {
    EXPECT_NE(refusal(header, 0), "") << header;
  }
}

TEST(SafetensorsHeader, TakesDeepAndLargeHeadersWithoutHarm) {
  const size_t size = 20'000'000;
  EXPECT_NE(refusal("{\"a\":" + std::string(size, '['), 0), "");
  EXPECT_NE(refusal(std::string(size, '{'), 0), "");
  std::string nested;
  for (size_t i = 0; i < size / 5; ++i) nested += "{\"a\":";
  EXPECT_NE(refusal(nested, 0), "");
  const std::string line = refusal("{\"" + std::string(size, 'n') + "\":1}", 0);
  EXPECT_LT(line.size(), 1000U);
}

class SafetensorsFiles : public testing::Test {
 protected:
  test::TemporaryDirectory scratch_;
  std::filesystem::path directory_ = scratch_.path();
};

TEST_F(SafetensorsFiles, WrittenFilesReadBack) {
  const std::filesystem::path path = directory_ / "model.safetensors";
  const std::string bytes = "abcdefgh123";
  {
    SafetensorsWriter writer(
        path,
        {{"x.weight", DType::kF32, {1, 2}}, {"empty", DType::kI64, {0}}, {"y", DType::kI8, {3}}});
    writer.write(std::as_bytes(std::span(bytes).first(5)));
    writer.write(std::as_bytes(std::span(bytes).subspan(5)));
    EXPECT_FALSE(std::filesystem::exists(path));
    writer.finish();
  }
  SafetensorsFile file(path);
  ASSERT_EQ(file.entries().size(), 3U);
  EXPECT_EQ(file.entries().front().begin % 8, 0U);
  const TensorView x = file.tensor("x.weight");
  EXPECT_EQ(x.shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(std::memcmp(x.data, bytes.data(), 8), 0);
  EXPECT_EQ(std::memcmp(file.tensor("y").data, bytes.data() + 8, 3), 0);
  EXPECT_THROW(file.tensor("z"), Error);

  const std::byte* before = x.data;
  const SafetensorsFile moved = std::move(file);
  EXPECT_EQ(moved.tensor("x.weight").data, before);
}

TEST_F(SafetensorsFiles, AnUnfinishedFileLeavesNothing) {
  {
    SafetensorsWriter writer(directory_ / "a", {{"x", DType::kI8, {4}}});
    writer.write(std::as_bytes(std::span("abc", 3)));
    EXPECT_THROW(writer.finish(), InvariantError);
    EXPECT_THROW(writer.write(std::as_bytes(std::span("de", 2))), InvariantError);
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(SafetensorsFiles, NamesTheFileThatIsNotThere) {
  try {
    const SafetensorsFile file(directory_ / "absent.safetensors");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(error.what()).find("absent.safetensors"), std::string::npos);
  }
}

}  // namespace
}  // namespace hadal
