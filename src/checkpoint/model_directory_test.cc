#include "checkpoint/model_directory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/v4/config.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

const fs::path kConfig = test::source_path("models/nano/config.json");

// A folder of the Hugging Face cache as hf download makes it: snapshots of links to blobs.
class HubCache : public testing::Test {
 protected:
  HubCache() {
    model_ = root_ / "models--deepseek-ai--DeepSeek-V4-Flash";
    fs::create_directories(model_ / "blobs");
    fs::copy(kConfig, model_ / "blobs/aaaa");
    add_snapshot("0123");
    write(model_ / "refs/main", "0123");
  }

  void add_snapshot(const std::string& revision) const {
    const fs::path directory = model_ / "snapshots" / revision;
    fs::create_directories(directory);
    fs::create_symlink("../../blobs/aaaa", directory / "config.json");
  }
  static void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    AtomicFile file(path);
    file.write(text);
    file.commit();
  }
  static std::string refusal(const fs::path& path) {
    try {
      resolve_model_directory(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  static void expect_refused(const fs::path& path, const std::string& part) {
    EXPECT_NE(refusal(path).find(part), std::string::npos) << refusal(path);
  }

  test::TemporaryDirectory scratch_;
  fs::path root_ = scratch_.path();
  fs::path model_;
};

TEST_F(HubCache, AFolderOfTheCacheStandsForItsSnapshot) {
  const fs::path snapshot = model_ / "snapshots/0123";
  EXPECT_EQ(resolve_model_directory(snapshot), snapshot);
  EXPECT_EQ(resolve_model_directory(model_), snapshot);
  EXPECT_EQ(load_config(model_).layers, 5);
  add_snapshot("4567");
  EXPECT_EQ(resolve_model_directory(model_), snapshot);
  write(model_ / "refs/main", "4567\n");
  EXPECT_EQ(resolve_model_directory(model_), model_ / "snapshots/4567");
}

TEST_F(HubCache, WithoutAReferenceTheOnlySnapshotIsTaken) {
  fs::remove(model_ / "refs/main");
  EXPECT_EQ(resolve_model_directory(model_), model_ / "snapshots/0123");
  add_snapshot("4567");
  expect_refused(model_, "2 snapshots and no refs/main: 0123, 4567");
  fs::remove_all(model_ / "snapshots");
  fs::create_directories(model_ / "snapshots");
  expect_refused(model_, "without a snapshot");
}

TEST_F(HubCache, SaysWhatIsWrongWithAReference) {
  write(model_ / "refs/main", "89ab");
  expect_refused(model_, "whose snapshot 89ab is not there");
  for (const char* name : {"", "..", "../../elsewhere", "/etc"}) {
    write(model_ / "refs/main", name);
    expect_refused(model_, "refs/main: does not name a snapshot");
  }
}

TEST_F(HubCache, NamesTheModelsOfAWholeCache) {
  expect_refused(root_, "cache of downloads with 1 model: models--deepseek-ai--DeepSeek-V4-Flash");
}

TEST_F(HubCache, SaysWhenTheBlobsAreGone) {
  fs::remove_all(model_ / "blobs");
  try {
    load_config(model_);
    FAIL();
  } catch (const Error& error) {
    const std::string line = error.what();
    EXPECT_NE(line.find("config.json: is a symbolic link to ../../blobs/aaaa, which is not there"),
              std::string::npos)
        << line;
    EXPECT_NE(line.find("hf download"), std::string::npos) << line;
  }
}

TEST_F(HubCache, SaysWhatAFileIsThatIsGivenForADirectory) {
  write(root_ / "flash.gguf", std::string("GGUF\x03\0\0\0", 8));
  expect_refused(root_ / "flash.gguf", "is a GGUF file (of llama.cpp), not the directory");
  write(root_ / "notes.txt", std::string(5000, 'x'));
  expect_refused(root_ / "notes.txt", "is not a directory");
  write(root_ / "empty", "");
  expect_refused(root_ / "empty", "is not a directory");
  write(root_ / "model.safetensors", "x");
  expect_refused(root_ / "model.safetensors", "name the directory that it lies in");
  expect_refused(model_ / "snapshots/0123/config.json", "name the directory that it lies in");
  expect_refused("/dev/null", "is a device, not a file");
  fs::create_symlink("absent", root_ / "link");
  expect_refused(root_ / "link", "is a symbolic link to absent, which is not there");
  expect_refused(root_ / "absent", "does not exist");
}

TEST_F(HubCache, NamesModelsByTheirDirectory) {
  EXPECT_EQ(model_name(model_), "DeepSeek-V4-Flash");
  EXPECT_EQ(model_name(model_ / "snapshots/0123"), "DeepSeek-V4-Flash");
  EXPECT_EQ(model_name(model_ / "snapshots/0123/"), "DeepSeek-V4-Flash");
  EXPECT_EQ(model_name("/a/Flash/."), "Flash");
  EXPECT_EQ(model_name("/a/models--x"), "x");
  EXPECT_EQ(model_name("/a/models--"), "models--");
  EXPECT_EQ(model_name("/"), "model");
}

}  // namespace
}  // namespace hadal
