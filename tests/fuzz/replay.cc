// SPDX-License-Identifier: Apache-2.0
//
// fuzz_x [corpus folder...]      runs a fuzzer on its seeds, on files, and on mutations of both
// fuzz_x --write-seeds folder    for libFuzzer to start from
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <stdio.h>

#include "tests/fuzz/fuzz.h"

namespace {

constexpr int kMutations = VTN_MUTATIONS;

class Random {
 public:
  uint64_t below(uint64_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 24) % (limit == 0 ? 1 : limit);
  }

 private:
  uint64_t state_ = 2026;
};

void run(const std::string& input) {
  (void)LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::string mutate(std::string input, const std::vector<std::string>& all, Random& random) {
  for (uint64_t left = 1 + random.below(6); left > 0; --left) {
    const size_t at = random.below(input.size() + 1);
    switch (random.below(7)) {
      case 0:
        if (!input.empty()) {
          input[at % input.size()] ^= static_cast<char>(1 << random.below(8));
        }
        break;
      case 1:
        if (!input.empty()) {
          input[at % input.size()] = static_cast<char>(random.below(256));
        }
        break;
      case 2:
        input.resize(at);
        break;
      case 3:
        input.insert(at, random.below(20), static_cast<char>(random.below(256)));
        break;
      case 4:
        input.erase(at, random.below(20));
        break;
      case 5: {  // a number of interest, as it lies in structs
        static constexpr uint64_t kNumbers[] = {
            0, 1, 0xff, 0xffff, 0x7fff'ffff, 0xffff'ffff, 0x1'0000'0000, ~uint64_t{0}};
        const uint64_t number = kNumbers[random.below(8)];
        const size_t bytes = size_t{1} << random.below(4);
        for (size_t i = 0; i < bytes && at + i < input.size(); ++i) {
          input[at + i] = static_cast<char>(number >> (8 * i));
        }
        break;
      }
      default: {
        const std::string& other = all[random.below(all.size())];
        const size_t from = random.below(other.size() + 1);
        input.replace(at, 16, other, from, random.below(64));
        break;
      }
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> inputs = fuzz_seeds();
  if (argc == 3 && std::string(argv[1]) == "--write-seeds") {
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::ofstream file(std::string(argv[2]) + "/seed-" + std::to_string(i), std::ios::binary);
      file << inputs[i];
    }
    return 0;
  }
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> paths;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i], none)) {
      paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      std::ifstream file(path, std::ios::binary);
      inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  if (inputs.empty()) {
    fprintf(stderr, "no inputs\n");
    return 1;
  }
  for (const std::string& input : inputs) {
    run(input);
  }
  Random random;
  for (int i = 0; i < kMutations; ++i) {
    run(mutate(inputs[random.below(inputs.size())], inputs, random));
  }
  printf("%zu inputs, %d mutations\n", inputs.size(), kMutations);
  return 0;
}
