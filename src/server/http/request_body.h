// The body of a request as Beast's parser fills it: a string that grows with what arrives, whatever
// length was announced, and is charged to the server's budget.
#pragma once

#include <algorithm>
#include <new>
#include <optional>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/message.hpp>

#include "server/http/body_budget.h"

namespace hadal {

struct RequestBody {
  // NOLINTBEGIN(readability-identifier-naming): Beast asks for these names.
  struct value_type {
    std::string text;
    BodyCharge charge;
  };

  class reader {
    // NOLINTEND(readability-identifier-naming)
   public:
    template <bool kIsRequest, class Fields>
    reader(boost::beast::http::header<kIsRequest, Fields>& /*header*/, value_type& value)
        : value_(value) {}

    void init(const boost::optional<uint64_t>& length, boost::system::error_code& error) {
      length_ = static_cast<size_t>(length.value_or(0));
      error = {};
    }

    template <class Buffers>
    size_t put(const Buffers& buffers, boost::system::error_code& error) {
      const size_t size = value_.text.size() + boost::beast::buffer_bytes(buffers);
      error = {};
      if (!value_.charge.grow_to(size)) {
        error = boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
        return 0;
      }
      try {
        // By doubling, but not beyond the length that was announced.
        if (size > value_.text.capacity()) {
          value_.text.reserve(std::max(size, std::min(2 * size, length_)));
        }
        for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
          value_.text.append(static_cast<const char*>(buffer.data()), buffer.size());
        }
      } catch (const std::bad_alloc&) {
        error = boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
        return 0;
      }
      return boost::beast::buffer_bytes(buffers);
    }

    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& value_;
    size_t length_ = 0;
  };
};

}  // namespace hadal
