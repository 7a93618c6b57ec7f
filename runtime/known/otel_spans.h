// SPDX-License-Identifier: Apache-2.0
//
// Spans and their events, as OpenTelemetry's SDK for Python keeps them (opentelemetry/sdk/trace):
// told of from the fields of its objects, without any of their code. Times are the span's own.
#pragma once

#include "runtime/known/known_functions.h"

namespace vtn::runtime {

// Span.end(self, end_time): whether the span has begun and not ended; it has ended.
bool otel_span_is_open(const KnownCall& call);
void tell_otel_span(const KnownCall& call);

// Span._add_event(self, event): an instant, where it happens.
bool tell_otel_event(const KnownCall& call);

}  // namespace vtn::runtime
