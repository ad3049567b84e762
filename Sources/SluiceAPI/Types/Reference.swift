// The scanner of `$(...)` is ReferenceTemplate in module Expressions, on which SluiceAPI depends (Package.swift).
