import CLibcurl

/// Makes a pipe whose ends no child process inherits, not even one that another thread starts at this moment. Nil, with
/// an errno, when the system has none left.
package func makePipe() -> (output: Int32, input: Int32)? {
    var ends: [Int32] = [-1, -1]
    return clibcurl_pipe(&ends) == 0 ? (ends[0], ends[1]) : nil
}
