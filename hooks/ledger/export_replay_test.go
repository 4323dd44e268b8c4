package ledger

// OfRun is for the tests outside the package.
const OfRun = ofRun
