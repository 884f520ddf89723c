"""Small OSPF networks as data, each compared router by router and prefix by prefix with what our library computes."""
