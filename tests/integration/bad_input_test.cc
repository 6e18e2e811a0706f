// Every kind of bad input ends in one line on standard error that names the culprit, and status 2.
#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "program.h"
#include "support/source_dir.h"

namespace hadal::integration {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// `parts`: what the line must contain.
void expect_refusal(const Outcome& outcome, const std::vector<std::string>& parts) {
  EXPECT_EQ(outcome.status, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(outcome.err.starts_with("hadal: error: ")) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_NE(outcome.err.find("; "), std::string::npos) << "no remedy: " << outcome.err;
  for (const std::string& part : parts) {
    EXPECT_NE(outcome.err.find(part), std::string::npos) << part << " is not in: " << outcome.err;
  }
}

class BadModelTest : public testing::Test {
 protected:
  Outcome ask() {
    return run_hadal(
        {.words = {"run", "--model", model_.string(), "-p", "Hi", "--temperature", "0"}});
  }
  // A tensor of the catalogue and one that carries scales.
  static constexpr const char* kNorm = "layers.1.attn_norm.weight";
  static constexpr const char* kScale = "layers.1.attn.wkv.scale";

  Scratch scratch_;
  fs::path model_ = scratch_.nano_copy("model");
  fs::path weights_ = weights_of(model_);
};

TEST_F(BadModelTest, UndamagedItAnswers) { EXPECT_EQ(ask().status, 0); }

TEST_F(BadModelTest, TruncatedData) {
  fs::resize_file(weights_, fs::file_size(weights_) / 2);
  expect_refusal(ask(), {weights_.filename()});
}

TEST_F(BadModelTest, TruncatedHeader) {
  for (const uintmax_t size : {0, 4, 8, 100}) {
    fs::resize_file(weights_, size);
    expect_refusal(ask(), {weights_.filename()});
  }
}

TEST_F(BadModelTest, HeaderLongerThanTheFile) {
  std::string bytes = read_bytes(weights_);
  bytes.replace(0, 8, std::string(8, '\xff'));
  write_bytes(weights_, bytes);
  expect_refusal(ask(), {weights_.filename()});
}

TEST_F(BadModelTest, HeaderThatIsNotJson) {
  std::string bytes = read_bytes(weights_);
  bytes[8] = '[';
  write_bytes(weights_, bytes);
  expect_refusal(ask(), {weights_.filename()});
}

TEST_F(BadModelTest, OverlappingTensors) {
  edit_header(weights_, [](json& header) {
    const size_t size = header[kNorm]["data_offsets"][1].get<size_t>() -
                        header[kNorm]["data_offsets"][0].get<size_t>();
    header[kNorm]["data_offsets"] = {0, size};
  });
  expect_refusal(ask(), {weights_.filename(), "overlap"});
}

TEST_F(BadModelTest, OverflowingOffsets) {
  edit_header(weights_, [](json& header) {
    header[kNorm]["data_offsets"] = {0, 18446744073709551615ULL};
  });
  expect_refusal(ask(), {weights_.filename(), kNorm});
}

TEST_F(BadModelTest, OverflowingShape) {
  edit_header(weights_, [](json& header) {
    header[kNorm]["shape"] = {4611686018427387904LL, 4611686018427387904LL, 4};
  });
  expect_refusal(ask(), {weights_.filename(), kNorm});
}

TEST_F(BadModelTest, LyingShape) {
  edit_header(weights_, [](json& header) { header[kNorm]["shape"] = {255}; });
  expect_refusal(ask(), {weights_.filename(), kNorm});
}

TEST_F(BadModelTest, WrongDtype) {
  edit_header(weights_, [](json& header) { header[kScale]["dtype"] = "I8"; });
  expect_refusal(ask(), {kScale, "I8"});
}

TEST_F(BadModelTest, UnknownDtype) {
  edit_header(weights_, [](json& header) { header[kNorm]["dtype"] = "F5"; });
  expect_refusal(ask(), {kNorm, "F5"});
}

TEST_F(BadModelTest, ScaleThatIsNotANumber) {
  std::string bytes = read_bytes(weights_);
  edit_header(weights_, [&](json& header) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));
    bytes[sizeof(length) + length + header[kScale]["data_offsets"][0].get<size_t>()] = '\xff';
  });
  write_bytes(weights_, bytes);
  expect_refusal(ask(), {kScale, "NaN"});
}

TEST_F(BadModelTest, MissingShard) {
  fs::remove(weights_);
  expect_refusal(ask(), {weights_.filename()});
}

const std::string kPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:" + std::string(64, '0') +
    "\nsize 262264\n";

// Every file of a model, in turn a pointer, a page, an error message of a hub, and nothing.
TEST_F(BadModelTest, WhatADownloadLeftInPlaceOfAFile) {
  for (const fs::path& file :
       {weights_, model_ / "config.json", model_ / "tokenizer.json",
        model_ / "model.safetensors.index.json", model_ / "generation_config.json"}) {
    const std::string before = fs::exists(file) ? read_bytes(file) : "{}";
    write_bytes(file, kPointer);
    expect_refusal(ask(), {file.filename(), "Git LFS pointer", "git lfs pull"});
    write_bytes(file, "<html><title>Sign in</title></html>");
    expect_refusal(ask(), {file.filename(), "web page", "Sign in"});
    write_bytes(file, "{\"error\": \"Repository not found\"}");
    expect_refusal(ask(), {file.filename(), "server's error message", "Repository not found"});
    write_bytes(file, "");
    expect_refusal(ask(), {file.filename(), "is empty"});
    write_bytes(file, std::string(1 << 16, '\0'));
    expect_refusal(ask(), {file.filename(), "zeros"});
    write_bytes(file, before);
  }
}

// Every file of a model, in turn something that is no regular file. None may hang.
TEST_F(BadModelTest, WhatIsNoRegularFile) {
  for (const fs::path& file :
       {weights_, model_ / "config.json", model_ / "tokenizer.json",
        model_ / "model.safetensors.index.json", model_ / "generation_config.json"}) {
    const std::string before = fs::exists(file) ? read_bytes(file) : "{}";
    fs::remove(file);
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    expect_refusal(ask(), {file.filename(), "is a pipe"});
    fs::remove(file);
    fs::create_symlink("/dev/zero", file);
    expect_refusal(ask(), {file.filename(), "is a device"});
    fs::remove(file);
    fs::create_symlink("../../blobs/0123", file);
    expect_refusal(ask(), {file.filename(), "symbolic link to ../../blobs/0123", "hf download"});
    fs::remove(file);
    fs::create_directory(file);
    expect_refusal(ask(), {file.filename(), "is a directory"});
    fs::remove(file);
    write_bytes(file, before);
  }
}

TEST_F(BadModelTest, ADirectoryIsWanted) {
  write_bytes(scratch_.path("flash.gguf"), "GGUF");
  const std::string pipe = scratch_.path("pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto ask_of = [&](const std::string& model) {
    return run_hadal({.words = {"run", "--model", model, "-p", "Hi"}});
  };
  expect_refusal(ask_of(scratch_.path("flash.gguf").string()), {"flash.gguf", "GGUF"});
  expect_refusal(ask_of(weights_.string()), {weights_.filename(), "name the directory"});
  expect_refusal(ask_of(pipe), {"pipe", "is a pipe"});
  expect_refusal(run_hadal({.words = {"inspect", pipe}}), {"pipe", "is a pipe"});
  expect_refusal(ask_of("/dev/stdin"), {"/dev/stdin"});
}

TEST_F(BadModelTest, FilesOfOptionsThatAreNone) {
  const std::string pipe = scratch_.path("pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string out = scratch_.path("out").string();
  expect_refusal(run_hadal({.words = {"score", "--input", pipe, "--output", out}}),
                 {pipe, "is a pipe", "must be written to one first"});
  expect_refusal(run_hadal({.words = {"score", "--layers", pipe, "--output", out}}),
                 {pipe, "is a pipe"});
  expect_refusal(
      run_hadal({.words = {"synth", "pico", scratch_.path("new").string(), "--tokenizer", pipe}}),
      {pipe, "is a pipe"});
  EXPECT_FALSE(fs::exists(scratch_.path("new")));
  EXPECT_FALSE(fs::exists(out));
}

// What is there already stays, if hadal score did not write it.
TEST_F(BadModelTest, AnOutputThatIsSomethingElse) {
  write_bytes(scratch_.path("rows"), "{\"ids\":[1]}\n");
  const auto score_into = [&](const fs::path& output) {
    return run_hadal({.words = {"score", "--input", scratch_.path("rows").string(), "--output",
                                output.string()}});
  };
  const std::string shard = read_bytes(weights_);
  expect_refusal(score_into(weights_), {weights_.filename(), "is no output of hadal score"});
  EXPECT_TRUE(read_bytes(weights_) == shard);
  write_bytes(scratch_.path("notes"), "mine");
  expect_refusal(score_into(scratch_.path("notes")), {"notes"});
  EXPECT_EQ(read_bytes(scratch_.path("notes")), "mine");
  expect_refusal(score_into("/dev/null"), {"/dev/null"});
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  write_bytes(scratch_.path("empty"), "");
  EXPECT_EQ(score_into(scratch_.path("empty")).status, 0);
  EXPECT_EQ(score_into(scratch_.path("empty")).status, 0);  // its own output
}

TEST_F(BadModelTest, InspectSaysWhyTheTokenizerCannotBeUsed) {
  const auto inspect = [&] { return run_hadal({.words = {"inspect", model_.string()}}); };
  EXPECT_EQ(inspect().status, 0);
  EXPECT_NE(inspect().out.find("tokenizer            2,048 tokens"), std::string::npos);
  const auto expect_told = [&](const std::string& state, const std::string& why) {
    const Outcome outcome = inspect();
    EXPECT_EQ(outcome.status, 2);
    EXPECT_NE(outcome.out.find(state), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("Memory plan"), std::string::npos);
    EXPECT_TRUE(outcome.err.starts_with("hadal: error: ")) << outcome.err;
    EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
  };
  write_bytes(model_ / "tokenizer.json", "{}");
  expect_told("tokenizer.json cannot be used", "tokenizer.json: ");
  write_bytes(model_ / "tokenizer.json", kPointer);
  expect_told("tokenizer.json cannot be used", "Git LFS pointer");
  fs::remove(model_ / "tokenizer.json");
  expect_told("tokenizer.json is missing", "tokenizer.json: is not there");
  const Outcome outcome = run_hadal({.words = {"inspect", model_.string(), "--json"}});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(json::parse(outcome.out)["tokenizer"]["usable"], false);
}

TEST_F(BadModelTest, ByteOrderMarksAndWindowsLinesAreRead) {
  const std::string answer = ask().out;
  for (const std::string name : {"config.json", "tokenizer.json", "model.safetensors.index.json"}) {
    write_bytes(model_ / name, "\xef\xbb\xbf\r\n" + read_bytes(model_ / name) + "\r\n");
  }
  write_bytes(model_ / "generation_config.json", "\xef\xbb\xbf{}\r\n");
  const Outcome outcome = ask();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, answer);
  for (const std::string name : {"config.json", "tokenizer.json", "model.safetensors.index.json"}) {
    const std::string before = read_bytes(model_ / name);
    write_bytes(model_ / name, std::string("\xff\xfe{\0}\0", 6));
    expect_refusal(ask(), {name, "UTF-16"});
    write_bytes(model_ / name, before);
  }
}

TEST_F(BadModelTest, ADrafterThatWasCutAwayIsTold) {
  const fs::path pico = scratch_.path("pico");
  ASSERT_EQ(run_hadal({.words = {"synth", "pico", pico.string()}}).status, 0);
  edit_json(pico / "model.safetensors.index.json", [&](json& index) {
    json kept = json::object();
    for (const auto& [name, shard] : index["weight_map"].items()) {
      if (!name.starts_with("mtp.")) {
        kept[name] = shard;
      } else {
        fs::remove(pico / shard.get<std::string>());
      }
    }
    index["weight_map"] = kept;
  });
  const Outcome inspected = run_hadal({.words = {"inspect", pico.string()}});
  EXPECT_EQ(inspected.status, 0) << inspected.err;
  EXPECT_NE(inspected.out.find("num_nextn_predict_layers"), std::string::npos) << inspected.out;
  const Outcome answer =
      run_hadal({.words = {"run", "--model", pico.string(), "-p", "Hi", "--max-tokens", "2"}});
  EXPECT_EQ(answer.status, 0) << answer.err;
  EXPECT_NE(answer.err.find("without a drafter"), std::string::npos) << answer.err;
  edit_json(pico / "config.json", [](json& config) { config["num_nextn_predict_layers"] = 0; });
  EXPECT_EQ(run_hadal({.words = {"run", "--model", pico.string(), "-p", "Hi", "--max-tokens", "2"}})
                .err.find("drafter"),
            std::string::npos);
}

TEST_F(BadModelTest, ShardOutsideTheDirectory) {
  edit_json(model_ / "model.safetensors.index.json",
            [](json& index) { index["weight_map"][kNorm] = "../elsewhere.safetensors"; });
  expect_refusal(ask(), {"index.json", "elsewhere.safetensors"});
}

TEST_F(BadModelTest, ConfigThatContradictsItself) {
  edit_json(model_ / "config.json", [](json& config) { config["num_attention_heads"] = 3; });
  expect_refusal(ask(), {"config.json", "num_attention_heads"});
}

TEST_F(BadModelTest, ConfigThatContradictsTheTensors) {
  edit_json(model_ / "config.json", [](json& config) { config["hidden_size"] = 512; });
  expect_refusal(ask(), {"256", "512"});
}

TEST_F(BadModelTest, ConfigOfWrongTypesOrAbsurdSizes) {
  const std::string good = read_bytes(model_ / "config.json");
  for (const json& value : {json(-1), json(0), json(1e300), json("many"), json(nullptr),
                            json::array(), json(2147483648LL)}) {
    write_bytes(model_ / "config.json", good);
    edit_json(model_ / "config.json", [&](json& config) { config["n_routed_experts"] = value; });
    expect_refusal(ask(), {"config.json", "n_routed_experts"});
  }
}

TEST_F(BadModelTest, ConfigThatIsNotJson) {
  write_bytes(model_ / "config.json", "{\"hidden_size\": ");
  expect_refusal(ask(), {"config.json"});
}

TEST_F(BadModelTest, TokenizerThatIsNotOne) {
  write_bytes(model_ / "tokenizer.json", "{}");
  expect_refusal(ask(), {"tokenizer.json"});
  fs::remove(model_ / "tokenizer.json");
  expect_refusal(ask(), {"tokenizer.json"});
}

TEST(BadDirectoryTest, NotAModel) {
  const Scratch scratch;
  fs::create_directories(scratch.path("empty"));
  write_bytes(scratch.path("file"), "text");
  for (const std::string command : {"run", "score"}) {
    std::vector<std::string> words = {command, "--model"};
    const std::vector<std::string> rest =
        command == "run" ? std::vector<std::string>{"-p", "Hi"}
                         : std::vector<std::string>{"--input", "x", "--output", "y"};
    for (const std::string name : {"absent", "empty", "file"}) {
      std::vector<std::string> all = words;
      all.push_back(scratch.path(name).string());
      all.insert(all.end(), rest.begin(), rest.end());
      expect_refusal(run_hadal({.words = all}), {scratch.path(name).string()});
    }
  }
  expect_refusal(run_hadal({.words = {"inspect", scratch.path("empty").string()}}),
                 {"config.json"});
  expect_refusal(
      run_hadal({.words = {"text", "tokenize", "--model", scratch.path("empty").string()},
                 .input = "{\"text\":\"a\"}\n"}),
      {"tokenizer.json"});
}

TEST(BadPromptTest, Empty) {
  expect_refusal(run_hadal({.words = {"run", "-p", ""}}), {"--prompt", "empty"});
  expect_refusal(run_hadal({.words = {"run", "-p", "-"}}), {"empty"});
}

TEST(BadPromptTest, NotUtf8) {
  expect_refusal(run_hadal({.words = {"run", "-p", "abc\xff"}}), {"--prompt", "UTF-8"});
  expect_refusal(run_hadal({.words = {"run", "-p", "-"}, .input = "abc\xc3"}), {"UTF-8"});
  expect_refusal(run_hadal({.words = {"run", "-p", "x", "--system", "\xff"}}),
                 {"--system", "UTF-8"});
}

TEST(BadPromptTest, Huge) {
  std::string words;
  for (int i = 0; i < 100000; ++i) words += "We drank tea. ";
  expect_refusal(run_hadal({.words = {"run", "-p", "-"}, .input = words}), {"tokens", "4096"});
  // One word without end must not take quadratic time.
  expect_refusal(run_hadal({.words = {"run", "-p", "-"}, .input = std::string(4 << 20, 'a')}),
                 {"tokens", "4096"});
}

TEST(BadScoreTest, IdsOutOfRange) {
  const Scratch scratch;
  const std::string in = scratch.path("rows.jsonl").string();
  const std::string out = scratch.path("out.safetensors").string();
  const auto score = [&](const std::string& rows) {
    write_bytes(in, rows);
    Outcome outcome = run_hadal({.words = {"score", "--input", in, "--output", out}});
    EXPECT_FALSE(fs::exists(out));
    return outcome;
  };
  expect_refusal(score("{\"ids\":[1,2]}\n{\"ids\":[2048]}\n"), {in + ":2", "2048"});
  expect_refusal(score("{\"ids\":[-1]}\n"), {in + ":1", "-1"});
  expect_refusal(score("{\"ids\":[99999999999]}\n"), {in + ":1", "99999999999"});
  expect_refusal(score("{\"ids\":[]}\n"), {in + ":1"});
  expect_refusal(score("{\"ids\":[1.5]}\n"), {in + ":1"});
  expect_refusal(score("{\"id\":[1]}\n"), {in + ":1", "ids"});
  expect_refusal(score("nonsense\n"), {in + ":1"});
  expect_refusal(score(""), {in});
  expect_refusal(score(std::string(1 << 20, '[')), {in + ":1"});
}

TEST(BadScoreTest, LayersFileWithoutLayers) {
  const Scratch scratch;
  const std::string weights = test::source_path("models/nano/model-00001-of-00001.safetensors");
  const std::string golden = test::source_path("tests/golden/data/model/pico/golden.safetensors");
  const std::string model = test::source_path("tests/golden/data/model/pico/model");
  const std::string out = scratch.path("out").string();
  expect_refusal(run_hadal({.words = {"score", "--layers", weights, "--output", out}}),
                 {weights, "ids"});
  fs::copy(golden, scratch.path("golden"));
  edit_header(scratch.path("golden"), [](json& header) {
    header["layers.0.out"]["shape"] = {1, header["layers.0.out"]["shape"][0].get<int>() * 1024};
  });
  expect_refusal(run_hadal({.words = {"score", "--model", model, "--layers",
                                      scratch.path("golden").string(), "--output", out}}),
                 {scratch.path("golden").string(), "layers.0.out"});
  EXPECT_FALSE(fs::exists(out));
}

// /proc refuses new files to everyone, root included.
TEST(NoPermissionTest, NamesThePlace) {
  const Scratch scratch;
  const std::string in = scratch.path("rows.jsonl").string();
  write_bytes(in, "{\"ids\":[1]}\n");
  expect_refusal(
      run_hadal({.words = {"score", "--input", in, "--output", "/proc/out.safetensors"}}),
      {"/proc/out.safetensors"});
  expect_refusal(run_hadal({.words = {"synth", "pico", "/proc/pico"}}), {"/proc/pico"});
}

TEST(NoPermissionTest, FullDisk) {
  const Scratch scratch;
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const int err = ::open(scratch.path("err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const pid_t pid = start_hadal({"--help"}, -1, full, err);
  ::close(full);
  ::close(err);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 2);
  EXPECT_NE(read_bytes(scratch.path("err")).find("standard output"), std::string::npos);
}

}  // namespace
}  // namespace hadal::integration
