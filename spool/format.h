// SPDX-License-Identifier: Apache-2.0
//
// The spool: the file a run is recorded into, and what `.vtn` is. docs/TRACE_FORMAT.md is its
// description; this header is its layout. Little-endian, no alignment: structs are copied out.
//
//   FileHeader
//   FrameHead, body     FrameHead, body     ...      appended in the order of recording
//   FileTrailer                                     only once the file was closed in order
//
// A frame is whole or it is the last of a file that was cut: everything before it stays readable.
#pragma once

#include <stdint.h>

namespace vtn::spool {

inline constexpr uint64_t kSpoolMagic = 0x0a31'6563'6172'7476;  // "vtrace1\n"
inline constexpr uint32_t kSpoolVersion = 6;

struct FileHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t header_bytes;
  uint32_t clock_kind;  // ClockKind
  // Two stamps of one thread differ by at least so many ticks, which is never less than 1 ns.
  uint32_t tick_step;
  uint64_t trace_id;  // random
  uint64_t created_realtime_ns;
  uint64_t reserved[3];
};
static_assert(sizeof(FileHeader) == 64);

inline constexpr uint32_t kFrameMagic = 0x4674'7623;  // "#vtF"

// In the kind of a frame that says nothing a report needs: who does not know it goes on behind it.
// Any other that is not known ends what can be read.
inline constexpr uint32_t kFrameSkippable = 1u << 31;

enum class FrameKind : uint32_t {
  kRun = 1,          // RunFrame, text
  kClock = 2,        // ClockTriple
  kImage = 3,        // ImageFrame: a process image was met
  kNames = 4,        // NamesFrame, words of its names stream as recorded (names_abi.h)
  kEvents = 5,       // EventsFrame, sections
  kImageEnd = 6,     // ImageEndFrame
  kRunEnd = 7,       // RunEndFrame
  kStart = 9,        // StartFrame, text: a program was started
  kProcessEnd = 10,  // ProcessEndFrame, text
  // What was asked to be recorded: texts, each with a NUL: "--mine", "--hide json".
  kSettings = 11 | kFrameSkippable,
  // LeftOutFrame, then varints: id, calls and ticks of what was left out since the last such frame.
  kLeftOut = 12 | kFrameSkippable,
  // OpenValuesFrame, values (value_abi.h): of a call that never ended, at its image's end.
  kOpenArguments = 13 | kFrameSkippable,
  // DroppedFrame, then in varints: threads, as in an index; marks that were dropped; threads that
  // had ended, of which nothing else is left. What was before the newest frames of events of a
  // process, where older ones were dropped. Of one process the last such frame holds.
  kDropped = 14 | kFrameSkippable,
  // Nothing: what lay here was dropped. Most of it is a hole in the file.
  kFree = 15 | kFrameSkippable,
  // CountedFrame, then varints: id, and the first call of the function that was counted (kLeftOut)
  // where calls had been recorded before. Of several stamps the least one holds.
  kCounted = 16 | kFrameSkippable,
  // WindowFrameBody, then in varints the processes that are shown: the file is a part of a
  // recording, in which calls begin and end at its borders.
  kWindow = 17 | kFrameSkippable,
  // SourceFrame, path, text as stored: source text as the program that was recorded had it.
  kSource = 18 | kFrameSkippable,
  // OpenValuesFrame, names and values, pair by pair: what the program attached to a call that never
  // ended, at its image's end.
  kOpenNamedValues = 19 | kFrameSkippable,
  // Threads and frames of events: found by the trailer. Reading all frames gives the same.
  kIndex = 8 | kFrameSkippable,
};

struct FrameHead {
  uint32_t magic;
  uint32_t kind;
  uint64_t body_bytes;
};
static_assert(sizeof(FrameHead) == 16);
inline constexpr uint64_t kMaxBodyBytes = uint64_t{1} << 28;

struct RunFrame {
  uint32_t command_bytes;  // the text behind: the command line as typed, then our version
  uint32_t version_bytes;
};

struct ClockTriple {
  uint64_t ticks;
  uint64_t monotonic_ns;
  uint64_t realtime_ns;
};

// Processes are numbered within a file, from 0, in the order in which they are first named. A pid
// may come back for another process; a number does not.
inline constexpr uint32_t kNoProcess = 0xffff'ffff;

// A process between two execs. `image` numbers them within a file, from 0.
struct ImageFrame {
  uint32_t image;
  uint32_t process;
  uint32_t pid;             // as the recorder sees it; as the process does where that is not known
  uint32_t own_pid;         // as the process sees itself: another one in a pid namespace
  uint32_t slot;            // of the session it ran in
  uint32_t kind;            // SlotKind
  uint32_t flags;           // SlotFlag, so far
  uint32_t parent_process;  // number; kNoProcess: not one of the tree's
  uint32_t parent_pid;      // as it sees its parent
  uint32_t parent_tid;      // the thread that forked it; 0: unknown
  uint64_t slot_start_ticks;  // as the slot says: tells a recovery whose slot it is
  uint64_t start_ticks;
  uint32_t text_bytes;  // behind the struct: executable, NUL, each argument with its NUL
  uint32_t reserved;
};
static_assert(sizeof(ImageFrame) == 64);

// A program was started: by an exec or by posix_spawn and its like. Comes before or after the image
// that it starts; there is none where nothing of ours could be in the program (reason).
struct StartFrame {
  uint32_t process;         // kNoProcess: which one it became was never told
  uint32_t parent_process;  // of an exec: the same
  uint32_t parent_tid;
  uint32_t reason;  // UntracedReason
  uint64_t ticks;
  uint32_t text_bytes;  // as of an image
  uint32_t pid;
};
static_assert(sizeof(StartFrame) == 32);

struct NamesFrame {
  uint32_t image;
  uint32_t reserved;
};

struct LeftOutFrame {
  uint32_t image;
  uint32_t reserved;
};

struct CountedFrame {
  uint32_t image;
  uint32_t reserved;
};

// Stored as it is where the two sizes are equal, else zstd. Of one path the first such frame holds.
struct SourceFrame {
  uint32_t path_bytes;
  uint32_t text_bytes;
  uint32_t text_stored;
  uint32_t reserved;
};

inline constexpr uint32_t kMaxSourceBytes = uint32_t{64} << 20;

struct DroppedFrame {
  uint32_t process;
  uint32_t reserved;
  uint64_t calls;         // that are in no frame any more, neither begin nor end
  uint64_t until_ticks;   // from then on all is there
  uint64_t until_offset;  // of the process's frames of events none lies before it
};
static_assert(sizeof(DroppedFrame) == 32);

struct WindowFrameBody {
  uint64_t from_ticks;  // 0: from the beginning
  uint64_t to_ticks;    // UINT64_MAX: to the end
};

struct OpenValuesFrame {
  uint32_t image;
  uint32_t thread;     // number within the image
  uint32_t depth;      // how many calls are open below it
  uint32_t arguments;  // how many, of kOpenArguments
};

enum ImageEndFlag : uint32_t {
  kImageDied = 1u << 0,     // its process is gone (else: it was alive when recording ended)
  kImageDamaged = 1u << 1,  // something in its memory was not what a tracer writes
};

struct ImageEndFrame {
  uint32_t image;
  uint32_t flags;
  uint64_t end_ticks;  // of its process, or when the next image's exec began
  uint64_t lost_events;
  uint64_t stall_ticks;
  uint32_t stalls;
  uint32_t reason;          // UntracedReason: why it was not traced
  uint32_t python_version;  // 0: unknown, or not a CPython
  uint32_t image_flags;     // SlotFlag
  uint32_t last_state;      // ProcessState
  uint32_t reserved;
};
static_assert(sizeof(ImageEndFrame) == 56);

enum ProcessEndFlag : uint32_t {
  kProcessDied = 1u << 0,         // else: it was alive when recording ended
  kProcessStatusKnown = 1u << 1,  // wait_status says how
  kProcessEndExact = 1u << 2,     // end_ticks was told by the process; else when it was noticed
};

struct ProcessEndFrame {
  uint32_t process;
  uint32_t flags;
  int32_t wait_status;  // as from waitpid(2)
  uint32_t text_bytes;  // behind the struct: the title it gave itself; 0: none
  uint64_t end_ticks;
};
static_assert(sizeof(ProcessEndFrame) == 24);

enum RunEndFlag : uint32_t {
  kRunHasStatus = 1u << 0,    // wait_status is the program's
  kRunSpoolFailed = 1u << 1,  // the spool could not be written on: what came later is lost
};

struct RunEndFrame {
  uint32_t flags;
  int32_t wait_status;
  uint32_t pid;
  uint32_t unslotted;  // processes that found no slot: nothing else is known of them
  uint64_t start_ns;   // CLOCK_MONOTONIC
  uint64_t end_ns;
  uint64_t lost_chunks;  // drained but not kept
  // From here on a later addition: files of this version may end before it.
  uint32_t spool_error;  // errno of the write that failed: ENOSPC, EIO, ...; 0: none, or not known
  uint32_t reserved;
};
static_assert(sizeof(RunEndFrame) == 48);

// One chunk of one thread, assembled into well-nested calls. An op is one byte (or two) of code and
// a step in time. The stamps of a thread increase strictly, from frame to frame as well.
enum OpCode : uint32_t {
  kOpReturn = 0,     // the innermost open call ended
  kOpUnwind = 1,     // ... by an exception, or it yielded
  kOpCut = 2,        // ... was closed by the reader: its own end was never seen
  kOpSpecial = 3,    // next entry of the specials list
  kOpFirstCall = 4,  // 4 + n: a call of the n-th function of the frame's list begins
};

enum class SpecialOp : uint32_t {
  kGap = 1,  // a call-like stretch in which events were lost begins; a kOpReturn ends it
};

enum EventsFlag : uint32_t {
  kEventsWideCodes = 1u << 0,  // codes take two bytes: a plane of low bytes, a plane of high ones
  kEventsThreadEnd = 1u << 1,  // the thread ended here
  kEventsNotes = 1u << 2,      // there is a section of notes
  kEventsOpenLines = 1u << 3,  // each open call in the side section has its caller's line
};

// A step of kWideStep is the next entry of the list of wide steps.
inline constexpr uint32_t kWideStep = 0xffff;

struct EventsFrame {
  uint32_t image;
  uint32_t thread;  // number within the image
  uint32_t tid;
  uint32_t sequence;     // of the thread's chunks
  uint64_t start_ticks;  // the thread's last stamp before this frame: the first step counts from it
  uint64_t end_ticks;    // its last stamp in this frame
  uint32_t ops;
  uint32_t calls;        // begun here
  uint32_t open_before;  // calls open at its start
  uint32_t lowest_open;  // the least that were open at a time
  uint32_t open_after;
  uint32_t deepest;      // the most
  uint32_t functions;    // length of its list
  uint32_t flags;        // EventsFlag
  uint32_t stray_ends;   // ends that matched no open call: dropped
  uint32_t cut_calls;    // kOpCut ops
  uint64_t lost_events;  // as told by gaps
  // Sections follow in this order. Stored as they are where the two sizes are equal, else zstd.
  //   side    varints: function ids; open calls that this frame closes, innermost first; calls it
  //           leaves open, innermost first; specials; wide steps
  //   codes   ops bytes, or twice as many
  //   low     ops bytes: low bytes of the steps
  //   high    ops bytes
  //   notes   only with kEventsNotes: its size as a varint, then (stored in notes_stored bytes, the
  //           varint not counted) notes in their order, each as varints: ops since the note before,
  //           kind, of kinds from 32 on ticks since start_ticks (zigzag), key, length of the bytes;
  //           then the bytes
  uint32_t side_bytes;
  uint32_t side_stored;
  uint32_t codes_stored;
  uint32_t low_stored;
  uint32_t high_stored;
  uint32_t notes_stored;  // 0 without notes
};
static_assert(sizeof(EventsFrame) == 104);
inline constexpr uint32_t kMaxFrameOps = 1u << 23;

inline constexpr uint64_t kTrailerMagic = 0x0a64'6e65'6374'7623;  // "#vtcend\n"
struct FileTrailer {
  uint64_t index_offset;  // of the index frame's FrameHead
  uint64_t magic;
};

}  // namespace vtn::spool
