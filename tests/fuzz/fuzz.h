// SPDX-License-Identifier: Apache-2.0
//
// A fuzzer is one file with these two functions. Built with -Dfuzz=true (clang) libFuzzer drives
// it; else replay.cc does: seeds, then the corpus folder, then a few thousand fixed mutations of
// both, so that every run of the tests is the same.
#pragma once

#include <string>
#include <vector>

#include <stddef.h>
#include <stdint.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Valid inputs, made by the code that writes them in real life.
std::vector<std::string> fuzz_seeds();
