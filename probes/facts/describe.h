// One list of fields per struct, used by everything that walks facts: JSON out, JSON in, comparison.
//
//   struct Port { int number; Fact<int> active_mtu; };
//   template <class Self, class Visitor>
//     requires describes<Self, Port>
//   void describe(Self& self, Visitor&& visit) { visit("number", self.number); visit("active_mtu", self.active_mtu); }
//
// `Self` is the struct or its const; the names are the JSON keys and carry their units.
#pragma once

#include <concepts>
#include <type_traits>

namespace rocekit::facts {

template <class Self, class Struct>
concept describes = std::same_as<std::remove_const_t<Self>, Struct>;

}  // namespace rocekit::facts
