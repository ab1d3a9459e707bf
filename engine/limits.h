#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/time.h"

// What peers may ask for and take, bounded, with the reasons. `kDefault…` values can be changed by
// an option, whose own bounds stand beside them; the others are part of the protocol or of the
// design.

namespace rollcall::engine::limits {

using namespace std::chrono_literals;

// ---- Requests (the protocol's grammar) ----

// A whole request, from the method's first byte to its terminator: room for the longest nick and
// every known header, small enough that ten thousand unfinished ones are 40 MB.
inline constexpr std::size_t kRequestBytesMax = 4096;
inline constexpr std::size_t kMethodLettersMax = 16;
inline constexpr std::size_t kHeadersMax = 8;
inline constexpr std::size_t kHeaderNameBytesMax = 32;
inline constexpr std::size_t kHeaderValueBytesMax = 256;
inline constexpr std::size_t kNickBytesMax = 255;
inline constexpr std::size_t kPortDigitsMax = 5;
inline constexpr std::size_t kContentLengthDigitsMax = 4;
inline constexpr std::size_t kLimitDigitsMax = 4;
// The most peers that `Limit` can ask for.
inline constexpr std::size_t kLimitMax = 1000;
// A cookie is 128 random bits: too many to guess, 32 hexadecimal digits on the wire.
inline constexpr std::size_t kCookieBytes = 16;

// ---- Timers of a request ----

// From a request's first byte to its end. Long enough for a slow typist, short enough that holding
// a connection open with a byte a second does not pay.
inline constexpr Duration kRequestTime = 30s;
// A trickled request that is whole ends after this silence: a person who typed it waits for the
// answer and does not type on.
inline constexpr Duration kTrickledSilence = 5s;
// A request that came in one go without all its lines is refused after this silence, so that a
// client's mistake does not look like a hang.
inline constexpr Duration kIncompleteSilence = 1s;
// Quiet: nothing came for this long. Loopback and data-centre peers deliver a message in far less.
inline constexpr Duration kDefaultQuiet = 10ms;
inline constexpr Duration kQuietMin = 1ms;
inline constexpr Duration kQuietMax = 500ms;

// ---- Leases and history ----

inline constexpr Duration kDefaultTtl = 7200s;
inline constexpr Duration kTtlMin = 1s;
// A lease longer than a week would list peers that are long gone; it also bounds the expiry wheel.
inline constexpr Duration kTtlMax = 7 * 24h;
// Inactive entries are remembered this long for their activity.
inline constexpr Duration kHistory = 30 * 24h;
inline constexpr unsigned kHistoryDays = 30;

// ---- The registry ----

inline constexpr std::size_t kDefaultPeersMax = 10'000'000;
// Entry numbers have 31 bits, and half of them may be inactive entries.
inline constexpr std::size_t kPeersMax = 1'000'000'000;
inline constexpr std::size_t kDefaultPeersPerHostMax = 1000;
inline constexpr std::size_t kDefaultInactiveMax = 1'000'000;
// All memory of the registry, rendered listings aside. Ten million peers with short nicks take
// about one GiB; the longest nicks and cookies would take four.
inline constexpr std::size_t kDefaultRegistryBytesMax = std::size_t{8} << 30;
// Rendered listings, a cache of everything that can be made again from the entries.
inline constexpr std::size_t kRenderedBytesMax = std::size_t{64} << 20;
// The expiry wheel's resolution: an expired entry is swept within this and one turn of the loop, so
// that `Total` counts nobody who expired more than a second ago.
inline constexpr Duration kWheelSlot = 250ms;
// Entries that one step of the sweep touches: about half a millisecond of work.
inline constexpr std::size_t kSweepEntriesMax = 1024;
// Twice as many as a server of kThreadsMax threads makes. A batch over several shards clears a byte
// for each that there may be.
inline constexpr std::size_t kShardsMax = 64;

// ---- Answers ----

// Peers in an answer to a PQuery without `Limit`; beyond it the answer is a random sample, so that
// a 30-byte request never costs megabytes.
inline constexpr std::size_t kDefaultAnswerPeersMax = 10'000;
inline constexpr std::size_t kAnswerPeersMax = 100'000;
// `'[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535', `
inline constexpr std::size_t kPeerTextBytesMax = 51;

// ---- Sessions ----

// Requests that are parsed before the first of them is executed, so that their waits for memory
// overlap. More than 64 gained nothing measurable.
inline constexpr std::size_t kBatchRequestsMax = 64;
// While more than this is waiting to be sent on a connection, nothing more is executed for it.
inline constexpr std::size_t kOutputHighMark = std::size_t{64} << 10;
// Answers of one session that wait for the store. While there are as many nothing more is executed
// for it: ten thousand clients that send on and on while the disk is stuck pin some hundred
// megabytes. A client with 64 requests in flight never comes near it.
inline constexpr std::size_t kHeldAnswersMax = 256;
// One thread's waiting output, beside that of the connections that are being served: three marks
// and an answer at the most. Where it would be more, the connections whose output made no progress
// for the longest time are reset.
inline constexpr std::size_t kOutputTotalMax = std::size_t{256} << 20;
// One read: a full batch of long requests, and a flooder's fair share of a turn.
inline constexpr std::size_t kReadBytesMax = std::size_t{64} << 10;
// A connection whose output made no progress for this long is reset.
inline constexpr Duration kOutputStall = 30s;
// After a closing answer the rest of the stream is read and dropped, so that the answer is not lost
// to a reset, until one of these is reached.
inline constexpr Duration kDrainTime = 1s;
inline constexpr std::size_t kDrainBytesMax = std::size_t{64} << 10;

inline constexpr std::size_t kDefaultConnectionsMax = 10'000;
inline constexpr std::size_t kConnectionsMax = 1'000'000;
inline constexpr std::size_t kDefaultConnectionsPerHostMax = 1000;
// Files that the process needs besides connections: listeners, standard streams, the data file; and
// for each thread its loop, which has two sets of sockets, a timer and an event.
inline constexpr std::size_t kFilesReserved = 64;
inline constexpr std::size_t kFilesPerThread = 4;
inline constexpr std::size_t kThreadsMax = 64;
// Stopping: what answers are still on their way after this is dropped.
inline constexpr Duration kStopTime = 500ms;

// ---- Changes on their way to disk ----

// Changes that wait for the store's thread, packed. While there are more, further ones are refused:
// the disk stands still. At two million changes a second that takes half a second, and two where
// all are renewals.
inline constexpr std::size_t kPendingBytesMax = std::size_t{64} << 20;
// A store that failed is tried again this much later: soon after space was freed, and not so often
// that a broken disk is all that the server is busy with.
inline constexpr Duration kStoreRetry = 1s;
// Where answers do not wait for the disk, changes reach it at most this often, unless the list is
// being written anew or a quarter of kPendingBytesMax waits.
inline constexpr Duration kAsyncCommit = 100ms;

// ---- Relations ----

static_assert(kQuietMax < kIncompleteSilence);
static_assert(kIncompleteSilence < kTrickledSilence);
static_assert(kTrickledSilence < kRequestTime);
static_assert(kLimitMax <= kAnswerPeersMax);
static_assert(kDefaultAnswerPeersMax <= kAnswerPeersMax);
static_assert(kDefaultPeersMax <= kPeersMax);
static_assert(kPeersMax <= (std::size_t{1} << 31) / 2);
static_assert(kTtlMin <= kDefaultTtl && kDefaultTtl <= kTtlMax);
static_assert(kWheelSlot * 2 < kTtlMin);
static_assert(kReadBytesMax >= kRequestBytesMax);
static_assert(kHeldAnswersMax >= kBatchRequestsMax);
static_assert(kShardsMax >= kThreadsMax / 2);
// A whole answer fits beside three full marks without reaching the thread's total.
static_assert(3 * kOutputHighMark + kAnswerPeersMax * kPeerTextBytesMax < kOutputTotalMax);
static_assert(kStopTime < 1s);

}  // namespace rollcall::engine::limits
