// SPDX-License-Identifier: Apache-2.0
//
// Catch2, version 2 (Debian 12) or 3. Every test includes this and nothing of Catch2 itself.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
