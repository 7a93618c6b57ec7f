// SPDX-License-Identifier: Apache-2.0
//
// Field numbers and constants of Perfetto's trace format, as far as we write it. Perfetto's
// protos/perfetto/trace/*.proto define them; a number never changes there.
#pragma once

#include <stdint.h>

namespace vtn::report::perfetto {

inline constexpr uint32_t kPacket = 1;  // of Trace
// TracePacket
inline constexpr uint32_t kClockSnapshot = 6;
inline constexpr uint32_t kTimestamp = 8;
inline constexpr uint32_t kSequence = 10;
inline constexpr uint32_t kTrackEvent = 11;
inline constexpr uint32_t kInternedData = 12;
inline constexpr uint32_t kSequenceFlags = 13;
inline constexpr uint32_t kTimestampClock = 58;
inline constexpr uint32_t kDefaults = 59;
inline constexpr uint32_t kTrackDescriptor = 60;
inline constexpr uint32_t kTraceUuid = 89;
inline constexpr uint32_t kTraceAttributes = 126;
// TracePacketDefaults; of an event's defaults only the track can be set, not its category
inline constexpr uint32_t kDefaultEvent = 11;
// ClockSnapshot, and each of its clocks
inline constexpr uint32_t kSnapshotClock = 1;
inline constexpr uint32_t kSnapshotPrimary = 2;
inline constexpr uint32_t kClockId = 1;
inline constexpr uint32_t kClockTime = 2;
inline constexpr uint32_t kClockIsIncremental = 3;
// InternedData, and each of its names
inline constexpr uint32_t kInternedCategory = 1;
inline constexpr uint32_t kInternedEventName = 2;
inline constexpr uint32_t kInternedAnnotationName = 3;
inline constexpr uint32_t kInternedId = 1;
inline constexpr uint32_t kInternedText = 2;
// TraceUuid
inline constexpr uint32_t kUuidLow = 1;
inline constexpr uint32_t kUuidHigh = 2;
// TraceAttributes, and each of them
inline constexpr uint32_t kAttribute = 1;
inline constexpr uint32_t kAttributeKey = 1;
inline constexpr uint32_t kAttributeText = 3;
// TrackDescriptor
inline constexpr uint32_t kTrackUuid = 1;
inline constexpr uint32_t kTrackName = 2;
inline constexpr uint32_t kTrackProcess = 3;
inline constexpr uint32_t kTrackThread = 4;
inline constexpr uint32_t kTrackParent = 5;
inline constexpr uint32_t kTrackCounter = 8;  // CounterDescriptor: empty, it is one
inline constexpr uint32_t kTrackRank = 12;
inline constexpr uint32_t kTrackMerge = 15;
inline constexpr uint32_t kTrackProcessOrder = 19;  // of the root, whose uuid is 0
// ProcessDescriptor
inline constexpr uint32_t kProcessPid = 1;
inline constexpr uint32_t kProcessArgument = 2;
inline constexpr uint32_t kProcessSortIndex = 3;
inline constexpr uint32_t kProcessName = 6;
inline constexpr uint32_t kProcessStart = 7;
// ThreadDescriptor
inline constexpr uint32_t kThreadPid = 1;
inline constexpr uint32_t kThreadTid = 2;
inline constexpr uint32_t kThreadName = 5;
// TrackEvent
inline constexpr uint32_t kEventCategoryIid = 3;
inline constexpr uint32_t kAnnotation = 4;
inline constexpr uint32_t kEventType = 9;
inline constexpr uint32_t kEventNameIid = 10;
inline constexpr uint32_t kEventTrack = 11;
inline constexpr uint32_t kEventName = 23;
inline constexpr uint32_t kCounterWhole = 30;
inline constexpr uint32_t kCounterReal = 44;
inline constexpr uint32_t kFlow = 47;
inline constexpr uint32_t kFlowEnd = 48;
// DebugAnnotation
inline constexpr uint32_t kNoteBool = 2;
inline constexpr uint32_t kNoteNumber = 3;
inline constexpr uint32_t kNoteText = 6;
inline constexpr uint32_t kNoteName = 10;
inline constexpr uint32_t kNoteMember = 11;  // of a dictionary
inline constexpr uint32_t kNoteEntry = 12;   // of a list
// Values
inline constexpr uint32_t kStateCleared = 1;
inline constexpr uint32_t kNeedsState = 2;
inline constexpr uint32_t kSliceBegin = 1;
inline constexpr uint32_t kSliceEnd = 2;
inline constexpr uint32_t kInstant = 3;
inline constexpr uint32_t kCounterEvent = 4;
inline constexpr uint32_t kClockRealtime = 1;
inline constexpr uint32_t kClockMonotonic = 3;
inline constexpr uint32_t kFirstOwnClock = 64;  // of a sequence: these may be incremental
inline constexpr uint32_t kOwnClocks = 64;
inline constexpr uint32_t kMergeNever = 2;     // with another track of that name
inline constexpr uint32_t kOrderByRank = 1;    // of processes
inline constexpr uint32_t kMetaSequence = 1;   // of all that is not a thread's: absolute stamps
inline constexpr uint32_t kCallsSequence = 2;  // of threads that have a clock

}  // namespace vtn::report::perfetto
