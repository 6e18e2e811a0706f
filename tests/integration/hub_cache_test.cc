// A model where Hugging Face's tools keep it: models--OWNER--NAME holds blobs/, named after their
// contents, and snapshots/REVISION/, whose files are links to them.
#include <gtest/gtest.h>
#include <string>

#include "program.h"
#include "support/source_dir.h"

namespace hadal::integration {
namespace {

namespace fs = std::filesystem;

class HubCacheTest : public testing::Test {
 protected:
  HubCacheTest() {
    fs::create_directories(cache_ / "blobs");
    fs::create_directories(cache_ / "refs");
    fs::create_directories(snapshot_);
    write_bytes(cache_ / "refs/main", snapshot_.filename());
    int blob = 0;
    for (const auto& entry : fs::directory_iterator(test::source_path("models/nano"))) {
      const std::string name = "b10b" + std::to_string(blob++);
      fs::copy(entry.path(), cache_ / "blobs" / name);
      fs::create_symlink("../../blobs/" + name, snapshot_ / entry.path().filename());
    }
  }

  static Outcome ask(const fs::path& model) {
    return run_hadal({.words = {"run", "--model", model.string(), "--temperature", "0", "-p",
                                "Victor has a white owl. What pet does Victor have?"}});
  }

  Scratch scratch_;
  fs::path cache_ = scratch_.path("models--hadal--nano");
  fs::path snapshot_ = cache_ / "snapshots/0123456789abcdef0123456789abcdef01234567";
};

TEST_F(HubCacheTest, IsInspectedAndAsked) {
  const Outcome inspected = run_hadal({.words = {"inspect", "--verify", snapshot_.string()}});
  EXPECT_EQ(inspected.status, 0) << inspected.err;
  EXPECT_NE(inspected.out.find("7,136,959"), std::string::npos) << inspected.out;
  const Outcome answer = ask(snapshot_);
  EXPECT_EQ(answer.status, 0) << answer.err;
  EXPECT_EQ(answer.out, "Victor has a white owl.\n");
}

TEST_F(HubCacheTest, ThroughALinkOfTheUsers) {
  fs::create_directory_symlink(snapshot_, scratch_.path("my-model"));
  EXPECT_EQ(ask(scratch_.path("my-model")).out, "Victor has a white owl.\n");
}

// What a download that was broken off leaves behind.
TEST_F(HubCacheTest, ALinkToABlobThatIsNotThere) {
  const fs::path weights = weights_of(snapshot_);
  fs::remove(fs::weakly_canonical(weights));
  for (const Outcome& outcome :
       {ask(snapshot_), run_hadal({.words = {"inspect", "--verify", snapshot_.string()}})}) {
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.err.find(weights.filename()), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace hadal::integration
