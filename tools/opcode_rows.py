#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the rows of runtime/variables/opcode_rows.h for the interpreter that runs it:

    python3.14 tools/opcode_rows.py

Numbers and caches are what its `opcode` module says. What an instruction does is told by its name, below: one that is
not there is held to push two values of which nothing is known, which is never wrong."""

import opcode
import sys

STEPS = {
    "kPushesNone": """CACHE NOP RESUME GEN_START PRINT_EXPR IMPORT_STAR NOT_TAKEN POP_TOP POP_ITER END_ASYNC_FOR KW_NAMES COPY_FREE_VARS MAKE_CELL
        SETUP_ANNOTATIONS LIST_APPEND LIST_EXTEND SET_ADD SET_UPDATE MAP_ADD DICT_MERGE DICT_UPDATE DELETE_SUBSCR
        DELETE_ATTR""",
    "kPushesOne": """BINARY_MATRIX_MULTIPLY BINARY_POWER BINARY_MULTIPLY BINARY_MODULO BINARY_ADD BINARY_SUBTRACT
        BINARY_FLOOR_DIVIDE BINARY_TRUE_DIVIDE BINARY_LSHIFT BINARY_RSHIFT BINARY_AND BINARY_XOR BINARY_OR
        INPLACE_MATRIX_MULTIPLY INPLACE_POWER INPLACE_MULTIPLY INPLACE_MODULO INPLACE_ADD INPLACE_SUBTRACT
        INPLACE_FLOOR_DIVIDE INPLACE_TRUE_DIVIDE INPLACE_LSHIFT INPLACE_RSHIFT INPLACE_AND INPLACE_XOR INPLACE_OR
        UNARY_POSITIVE YIELD_FROM LIST_TO_TUPLE LOAD_CLASSDEREF CALL_FUNCTION CALL_FUNCTION_KW CALL_METHOD
        ASYNC_GEN_WRAP PREP_RERAISE_STAR BINARY_OP BINARY_SUBSCR BINARY_SLICE COMPARE_OP CONTAINS_OP IS_OP UNARY_NOT UNARY_NEGATIVE
        UNARY_INVERT BUILD_LIST BUILD_TUPLE BUILD_SET BUILD_MAP BUILD_STRING BUILD_SLICE BUILD_CONST_KEY_MAP
        BUILD_TEMPLATE BUILD_INTERPOLATION CALL CALL_KW CALL_FUNCTION_EX CALL_INTRINSIC_1 CALL_INTRINSIC_2 FORMAT_VALUE
        FORMAT_SIMPLE FORMAT_WITH_SPEC CONVERT_VALUE TO_BOOL LOAD_BUILD_CLASS LOAD_LOCALS LOAD_ASSERTION_ERROR
        LOAD_SMALL_INT LOAD_CLOSURE LOAD_FROM_DICT_OR_GLOBALS LOAD_FROM_DICT_OR_DEREF MAKE_FUNCTION
        SET_FUNCTION_ATTRIBUTE IMPORT_NAME IMPORT_FROM GET_AITER GET_ANEXT END_SEND GET_AWAITABLE GET_YIELD_FROM_ITER
        YIELD_VALUE MATCH_MAPPING MATCH_SEQUENCE MATCH_KEYS MATCH_CLASS GET_LEN CHECK_EXC_MATCH PUSH_NULL
        WITH_EXCEPT_START""",
    "kPopsException": "POP_EXCEPT",
    "kEndsLoop": "END_FOR",
    "kExtends": "EXTENDED_ARG",
    "kSwaps": "SWAP ROT_TWO",
    "kRotates": "ROT_THREE ROT_FOUR ROT_N",
    "kCopies": "COPY DUP_TOP",
    "kCopiesTwo": "DUP_TOP_TWO",
    "kLoadsFast": "LOAD_FAST LOAD_FAST_CHECK LOAD_FAST_BORROW",
    "kLoadsTwoFast": "LOAD_FAST_LOAD_FAST LOAD_FAST_BORROW_LOAD_FAST_BORROW",
    "kLoadsAndClears": "LOAD_FAST_AND_CLEAR",
    "kLoadsName": "LOAD_NAME",
    "kLoadsGlobal": "LOAD_GLOBAL",
    "kLoadsDeref": "LOAD_DEREF",
    "kLoadsConstant": "LOAD_CONST LOAD_COMMON_CONSTANT",
    "kLoadsAttribute": "LOAD_ATTR",
    "kStoresFast": "STORE_FAST",
    "kStoresTwoFast": "STORE_FAST_STORE_FAST",
    "kStoresAndLoadsFast": "STORE_FAST_LOAD_FAST",
    "kStoresName": "STORE_NAME",
    "kStoresGlobal": "STORE_GLOBAL",
    "kStoresDeref": "STORE_DEREF",
    "kStoresAttribute": "STORE_ATTR",
    "kStoresItem": "STORE_SUBSCR",
    "kStoresSlice": "STORE_SLICE",
    "kDeletes": "DELETE_FAST DELETE_NAME DELETE_GLOBAL DELETE_DEREF",
    "kJumpsOn": "JUMP_FORWARD",
    "kJumpsBack": "JUMP_BACKWARD JUMP_BACKWARD_NO_INTERRUPT",
    "kMayJump": """POP_JUMP_IF_TRUE POP_JUMP_IF_FALSE POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE POP_JUMP_FORWARD_IF_TRUE
        POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_NONE POP_JUMP_FORWARD_IF_NOT_NONE JUMP_IF_TRUE_OR_POP
        JUMP_IF_FALSE_OR_POP""",
    "kMayJumpBack": """POP_JUMP_BACKWARD_IF_TRUE POP_JUMP_BACKWARD_IF_FALSE POP_JUMP_BACKWARD_IF_NONE
        POP_JUMP_BACKWARD_IF_NOT_NONE""",
    "kSetsUp": "SETUP_FINALLY SETUP_WITH SETUP_ASYNC_WITH",
    "kTakesDown": "POP_BLOCK",
    "kPushesOrJumps": "FOR_ITER SEND",
    "kReturns": "RETURN_VALUE RETURN_CONST",
    "kRaises": "RAISE_VARARGS",
    "kEnds": "RERAISE INTERPRETER_EXIT",
}
# What 3.10 does otherwise: jumps that name their target, LOAD_GLOBAL without a flag, MATCH_* with a bool on top.
STEPS_OF_310 = {
    "kJumpsTo": "JUMP_ABSOLUTE",
    "kMayJumpTo": """POP_JUMP_IF_TRUE POP_JUMP_IF_FALSE JUMP_IF_TRUE_OR_POP JUMP_IF_FALSE_OR_POP
        JUMP_IF_NOT_EXC_MATCH""",
    "kLoadsName": "LOAD_GLOBAL",
    "kOther": "MATCH_KEYS MATCH_CLASS",
}
# The argument of those that have none.
ARGUMENTS = {"ROT_TWO": 2, "ROT_THREE": 3, "ROT_FOUR": 4, "DUP_TOP": 1}
JUMPS = ("kJumpsOn", "kJumpsBack", "kJumpsTo", "kMayJump", "kMayJumpBack", "kMayJumpTo", "kPushesOrJumps", "kSetsUp")
# Among those that jump in the `opcode` module, but its argument is for events: it goes on, or raises.
NO_JUMPS = {"END_ASYNC_FOR"}


def main():
    of_name = {name: step for step, names in STEPS.items() for name in names.split()}
    if sys.version_info < (3, 11):
        of_name |= {name: step for step, names in STEPS_OF_310.items() for name in names.split()}
    caches = getattr(opcode, "_inline_cache_entries", {})
    count_of = lambda name, number: caches.get(name, 0) if hasattr(caches, "get") else caches[number]
    rows, jumps = [], set()
    for name, number in sorted(opcode.opmap.items(), key=lambda item: item[1]):
        if number > 255 or name.startswith("INSTRUMENTED_"):
            continue
        step, count = of_name.get(name, "kOther"), count_of(name, number)
        if step in JUMPS:
            jumps.add(name)
        if step != "kOther" or count:
            argument = f", {ARGUMENTS[name]}" if name in ARGUMENTS else ""
            rows.append(f"{{{number}, Step::{step}, {count}{argument}}},")
    known = {opcode.opname[number] for number in [*opcode.hasjrel, *opcode.hasjabs] if number < 256}
    known = {name for name in known if not name.startswith("INSTRUMENTED_")} - NO_JUMPS
    assert jumps == known, jumps ^ known
    print(f"// {sys.version.split()[0]}\ninline constexpr OpcodeRow kRows3{sys.version_info[1]}[] = {{")
    line = "   "
    for row in rows:
        if len(line) + len(row) > 98:
            print(line)
            line = "   "
        line += " " + row
    print(line + "\n};")


main()
