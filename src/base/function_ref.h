// A reference to something callable: two pointers, no allocation and no ownership. For parameters
// that are called before the function returns; never store one beyond that.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace hadal {

template <typename Signature>
class FunctionRef;

template <typename Result, typename... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  // Implicit, so that lambdas can be passed; `callable` must outlive the reference.
  template <typename Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef> &&
             std::is_object_v<std::remove_reference_t<Callable>> &&
             std::is_invocable_r_v<Result, Callable&, Arguments...>)
  FunctionRef(Callable&& callable)  // NOLINT(bugprone-forwarding-reference-overload): constrained
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Arguments... arguments) -> Result {
          auto* target = static_cast<std::remove_reference_t<Callable>*>(object);
          return (*target)(std::forward<Arguments>(arguments)...);
        }) {}

  Result operator()(Arguments... arguments) const {
    return call_(object_, std::forward<Arguments>(arguments)...);
  }

 private:
  void* object_;
  Result (*call_)(void* object, Arguments... arguments);
};

}  // namespace hadal
