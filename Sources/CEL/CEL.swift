/*
 CEL: the Common Expression Language (github.com/google/cel-spec), for `when` of a task and whatever else asks for a condition.

     let environment = CELEnvironment(["params": .object(["n": .int], open: false)])
     let expression = try CELExpression("params.n > 9", in: environment)
     let holds = try expression.evaluateBool { $0 == "params" ? ["n": 12] : nil }

 `CELExpression` is a text, parsed and checked once: the types that are known (`CELType`, `CELEnvironment`) have to match, and
 what it reads is told (`CELReference`). It evaluates, as often as wanted, to a `CELValue`. Every failure is a `CELError`: one
 sentence with line and column; that something was not there (`missing`) is told from a mistake.

 How it works: the Lexer cuts the text, the Parser compiles it to a Program for a machine with a stack, the Checker runs that
 program on types, the Machine on values. None of them recurses, so that no text can overflow a stack; errors that `&&`, `||`,
 `all` and `exists` absorb are caught by a table of regions, so that nothing is paid for them where nothing fails. Values that
 come from JSON are read where they are.

 What there is: the specification's standard definitions and the macros with two variables. What there is not: messages of
 protocol buffers and enumerations, names of time zones other than UTC, optional values, functions of extensions. Where the
 specification leaves a choice, it is the one of cel-go, and so of Kubernetes: a duration has 64 bits of nanoseconds, `string()`
 writes doubles as Go does, `1 == 'a'` is a mistake when the types are known.

 What it must never do: know anything of Sluice or Kubernetes, do I/O, read a clock or a random number, crash or overflow the
 stack on any text or value, or take more time or memory than its cost limit stands for.
 */
