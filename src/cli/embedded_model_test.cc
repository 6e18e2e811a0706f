#include "cli/embedded_model.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <sys/stat.h>

#include "base/files.h"
#include "support/source_dir.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

// Sets an environment variable for the time of a test.
class Setting {
 public:
  Setting(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Setting() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

std::string contents(const fs::path& path) { return read_text_file(path, 64 << 20); }

void expect_complete(const fs::path& directory) {
  for (const EmbeddedFile& file : embedded_model_files()) {
    EXPECT_TRUE(contents(directory / file.name) ==
                contents(test::source_path("models/nano") / file.name))
        << file.name;
  }
}

class EmbeddedModelTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_ = fs::path(testing::TempDir()) / "hadal-embedded-model";
};

TEST_F(EmbeddedModelTest, UnpacksIntoTheCacheOnceAndKeepsIt) {
  const Setting cache("XDG_CACHE_HOME", (root_ / "cache").string());
  fs::path place;
  fs::file_time_type written;
  {
    const ModelDirectory model = ModelDirectory::built_in();
    place = model.path();
    EXPECT_TRUE(place.string().starts_with((root_ / "cache/hadal/nano-").string()));
    EXPECT_EQ(model.name(), "hadal-nano");
    expect_complete(place);
    struct stat status = {};
    ASSERT_EQ(::stat(place.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700U);
    written = fs::last_write_time(place / "config.json");
  }
  const ModelDirectory again = ModelDirectory::built_in();
  EXPECT_EQ(again.path(), place);
  EXPECT_EQ(fs::last_write_time(place / "config.json"), written);
}

TEST_F(EmbeddedModelTest, MendsWhatWasDamaged) {
  const Setting cache("XDG_CACHE_HOME", root_.string());
  const fs::path place = ModelDirectory::built_in().path();
  std::ofstream(place / "config.json") << "{}";
  fs::remove(place / "tokenizer.json");
  {
    std::fstream weights(place / "model-00001-of-00001.safetensors",
                         std::ios::in | std::ios::out | std::ios::binary);
    weights.seekp(1 << 20);
    weights.put('!');
  }
  const ModelDirectory again = ModelDirectory::built_in();
  EXPECT_EQ(again.path(), place);
  expect_complete(place);
}

TEST_F(EmbeddedModelTest, DoesNotTrustADirectoryThatOthersCanWrite) {
  const Setting cache("XDG_CACHE_HOME", root_.string());
  const Setting temporary("TMPDIR", root_.string());
  const fs::path place = ModelDirectory::built_in().path();
  fs::permissions(place, fs::perms::all);
  EXPECT_NE(ModelDirectory::built_in().path(), place);
}

// /proc refuses new files to everyone, root included.
TEST_F(EmbeddedModelTest, WithoutACacheItLivesAsLongAsTheRun) {
  const Setting cache("XDG_CACHE_HOME", "/proc/hadal");
  const Setting temporary("TMPDIR", root_.string());
  fs::path place;
  {
    const ModelDirectory model = ModelDirectory::built_in();
    place = model.path();
    EXPECT_EQ(place.parent_path(), root_);
    expect_complete(place);
  }
  EXPECT_FALSE(fs::exists(place));
}

TEST_F(EmbeddedModelTest, SaysSoWhenNothingCanBeWritten) {
  const Setting cache("XDG_CACHE_HOME", "/proc/hadal");
  const Setting temporary("TMPDIR", "/proc");
  try {
    ModelDirectory::built_in();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
    EXPECT_NE(std::string(error.what()).find("set XDG_CACHE_HOME or TMPDIR"), std::string::npos);
  }
}

TEST(ModelDirectoryTest, IsNamedAfterItsLastPart) {
  EXPECT_EQ(ModelDirectory("/a/DeepSeek-V4-Flash").name(), "DeepSeek-V4-Flash");
  EXPECT_EQ(ModelDirectory("/a/DeepSeek-V4-Flash/").name(), "DeepSeek-V4-Flash");
  EXPECT_EQ(ModelDirectory("/").name(), "model");
}

}  // namespace
}  // namespace hadal
