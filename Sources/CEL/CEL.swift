/*
 CEL: the Common Expression Language, for `when` of a task and for the validation rules of custom resource definitions.

 This room is empty: the parser, the checker and the evaluator come with the issue on the pipeline engine. Until then a
 manifest with `when` is refused, and the embedded API server checks the rules of our own definitions by
 `TransitionRuleEvaluator`, which knows their few forms and refuses the rest.

 What will stand here: an expression parsed once, types checked with columns in the errors, an evaluation whose cost is
 bounded. What it must never do: know anything of Sluice, do I/O, read a clock, or take more time than its limit.
 */
