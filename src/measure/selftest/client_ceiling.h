// What the load client can do on this machine, found against a server on loopback whose every act
// is known: how many events one core parses and stamps, and how much later than they were sent.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hadal {

struct CeilingOptions {
  int streams = 2000;
  double events_per_second = 20;  // of each stream
  double seconds = 5;             // of the paced part
  int64_t flood_events = 1'000'000;
  int flood_streams = 64;
};

struct ClientCeiling {
  // As fast as they come, many in one piece: events over processor time of the client's thread.
  double flood_events_per_core_second = 0;
  // Paced, so that nearly every event comes alone, the costliest case: the same.
  double paced_events_per_core_second = 0;
  double paced_core_share = 0;   // of a core that the client was busy
  double server_core_share = 0;  // of a core that the server was busy
  bool apart = false;            // paced, client and server had a physical core each
  int64_t paced_events = 0;
  double achieved_events_per_second = 0;
  // From the server's write to the client's stamp, in seconds.
  double added_p50 = 0;
  double added_p99 = 0;
  double added_max = 0;
  // What the client itself takes its lag to be (records.h, ClientLoad).
  double own_lag_p99 = 0;
};

// Throws Error where the machine cannot hold so many connections.
ClientCeiling measure_client_ceiling(const CeilingOptions& options);

}  // namespace hadal
