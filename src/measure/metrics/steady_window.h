// The stretch of a point in which the server was under the load that was asked for: without ramp
// and drain, which drag rates down and latencies about. Its rule is stored in words with each
// figure; where there is no such stretch the figures are those of the whole run, and say why.
#pragma once

#include "measure/records.h"

namespace hadal {

// From the first measured request sent to the last ended, or zero to zero for none.
Window full_window(const PointSamples& samples);

// Closed loop: from when at least 90 % of the requested number are in flight, once as many requests
// have ended as run at a time (until then all of them started together), to when so many last are.
// (Where half of a warm-up was still in flight when measuring began, it was the first wave.)
// What lies between counts, pauses included: a lane that rests because the server asked for it, or
// failed, is the server's. Where requests belong to sessions, sessions count as what is in flight,
// think times included.
// Open loop: between the first planned arrival, and a median answer's time more for the number in
// flight to settle, and the last planned arrival. Where requests belong to sessions it is sessions
// that arrive, and a median session's time that is waited for.
Window steady_window(const PointSamples& samples, const Load& load);

// Whether requests are turns of sessions, so that a rate that was asked for is of sessions.
bool has_sessions(const PointSamples& samples);
// Whether the request is what a load of that rate sent: one alone, or a session's first turn.
bool is_arrival(const RequestRecord& request);

// Whether figures of the window are about this request: it was sent in it, or was to be sent, under
// open loop; whenever it ended, so that long answers are not left out.
bool belongs_to(const Window& window, const RequestRecord& request);

}  // namespace hadal
