// A copy of a checkpoint with a fault put into it, the kind of fault that engines have: a config
// that says something else, tensors transposed, shifted, scaled or rounded. The copy still loads;
// it answers wrongly.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace hadal::test {

struct TensorBytes {
  std::string name;
  std::string dtype;  // as safetensors has it: "F8_E4M3", "I8", "BF16", ...
  std::vector<int64_t> shape;
  uint8_t* bytes = nullptr;
  size_t size = 0;

  size_t row_bytes() const { return size / static_cast<size_t>(shape.at(0)); }
};

class FaultyModel {
 public:
  FaultyModel(const std::filesystem::path& source, std::filesystem::path path)
      : path_(std::move(path)) {
    std::filesystem::copy(source, path_);
  }

  const std::filesystem::path& path() const { return path_; }

  FaultyModel& edit_config(const std::function<void(nlohmann::ordered_json&)>& edit) {
    const std::filesystem::path file = path_ / "config.json";
    nlohmann::ordered_json config = nlohmann::ordered_json::parse(read(file));
    edit(config);
    write(file, config.dump());
    return *this;
  }

  // Calls `edit` for all tensors whose whole name matches.
  FaultyModel& edit_tensors(const std::string& pattern,
                            const std::function<void(const TensorBytes&)>& edit) {
    const std::regex names(pattern);
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().extension() != ".safetensors") continue;
      std::string bytes = read(entry.path());
      uint64_t length = 0;
      std::memcpy(&length, bytes.data(), sizeof(length));
      const auto header = nlohmann::json::parse(bytes.substr(sizeof(length), length));
      uint8_t* data = reinterpret_cast<uint8_t*>(bytes.data()) + sizeof(length) + length;
      for (const auto& [name, tensor] : header.items()) {
        if (!std::regex_match(name, names)) continue;
        const auto offsets = tensor.at("data_offsets").get<std::vector<size_t>>();
        edit({.name = name,
              .dtype = tensor.at("dtype").get<std::string>(),
              .shape = tensor.at("shape").get<std::vector<int64_t>>(),
              .bytes = data + offsets.at(0),
              .size = offsets.at(1) - offsets.at(0)});
        ++found;
      }
      write(entry.path(), bytes);
    }
    if (found == 0) throw std::runtime_error("no tensor is called " + pattern);
    return *this;
  }

  // Square matrices of one byte an element.
  FaultyModel& transpose(const std::string& pattern) {
    return edit_tensors(pattern, [](const TensorBytes& tensor) {
      const size_t n = tensor.row_bytes();
      if (tensor.size != n * n) throw std::runtime_error(tensor.name + " is not square");
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = i + 1; j < n; ++j) {
          std::swap(tensor.bytes[i * n + j], tensor.bytes[j * n + i]);
        }
      }
    });
  }

  // Row i becomes row i + 1, the last the first.
  FaultyModel& shift_rows(const std::string& pattern) {
    return edit_tensors(pattern, [](const TensorBytes& tensor) {
      std::rotate(tensor.bytes, tensor.bytes + tensor.size - tensor.row_bytes(),
                  tensor.bytes + tensor.size);
    });
  }

  FaultyModel& scale_bf16(const std::string& pattern, float factor) {
    return edit_tensors(pattern, [factor](const TensorBytes& tensor) {
      for (size_t i = 0; i + 1 < tensor.size; i += 2) {
        uint32_t bits = static_cast<uint32_t>(tensor.bytes[i + 1]) << 24 |
                        static_cast<uint32_t>(tensor.bytes[i]) << 16;
        float value = 0;
        std::memcpy(&value, &bits, sizeof(value));
        value *= factor;
        std::memcpy(&bits, &value, sizeof(bits));
        constexpr uint32_t kHalf = 0x8000;
        bits += kHalf;
        tensor.bytes[i] = static_cast<uint8_t>(bits >> 16);
        tensor.bytes[i + 1] = static_cast<uint8_t>(bits >> 24);
      }
    });
  }

  FaultyModel& clear(const std::string& pattern) {
    return edit_tensors(
        pattern, [](const TensorBytes& tensor) { std::memset(tensor.bytes, 0, tensor.size); });
  }

  // FP8 weights with two bits of mantissa in place of three.
  FaultyModel& coarsen_e4m3(const std::string& pattern) {
    return edit_tensors(pattern, [](const TensorBytes& tensor) {
      if (tensor.dtype != "F8_E4M3") return;
      constexpr uint8_t kSign = 0x80;
      constexpr uint8_t kLargestEven = 0x7c;  // 0x7e would be next to NaN
      for (size_t i = 0; i < tensor.size; ++i) {
        const uint8_t magnitude = tensor.bytes[i] & 0x7f;
        const uint8_t rounded = static_cast<uint8_t>((magnitude + 1) & 0x7e);
        tensor.bytes[i] = static_cast<uint8_t>((tensor.bytes[i] & kSign) |
                                               std::min<uint8_t>(rounded, kLargestEven));
      }
    });
  }

  // FP4 weights without their bit of mantissa: 0, 0.5, 1, 2, 4.
  FaultyModel& coarsen_e2m1(const std::string& pattern) {
    return edit_tensors(pattern, [](const TensorBytes& tensor) {
      if (tensor.dtype != "I8") return;
      constexpr uint8_t kRounded[] = {0, 1, 2, 4, 4, 6, 6, 6};
      const auto coarse = [&](int code) { return (code & 8) | kRounded[code & 7]; };
      for (size_t i = 0; i < tensor.size; ++i) {
        tensor.bytes[i] =
            static_cast<uint8_t>(coarse(tensor.bytes[i] & 15) | coarse(tensor.bytes[i] >> 4) << 4);
      }
    });
  }

 private:
  static std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  std::filesystem::path path_;
};

}  // namespace hadal::test
