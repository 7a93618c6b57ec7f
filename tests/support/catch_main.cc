// SPDX-License-Identifier: Apache-2.0
//
// main() of every unit test executable. Compiled once: it is the slow part of Catch2 version 2.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#include <catch2/catch_reporter_tap.hpp>
#endif
